import { doctor, type DoctorReport } from '../../lib/operate/doctor/doctor';
import type { DoctorOptions } from '../../lib/operate/doctor/read-deployment';
import type { Session } from './session';

/** Runs `doctor` with everything that the session leads to. */
export async function examine(
  { target, services, ...session }: Session,
  kafka: Pick<DoctorOptions, 'kafkaTarget' | 'consumers'> = {},
): Promise<DoctorReport> {
  return doctor(
    { ...target, ...services },
    {
      sweeperFunctionName: await session.findSweeper?.(),
      kafkaFunctionNames: await session.findKafkaFunctions?.(),
      localMapping: session.local?.mapping,
      ...kafka,
    },
  );
}
