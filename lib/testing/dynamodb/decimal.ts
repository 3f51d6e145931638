import { refuse } from './errors';

/** An exact DynamoDB number: `digits * 10 ** -scale`. */
interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
/** Amazon DynamoDB developer guide, "Data types": Number. */
const MAX_DIGITS = 38;
const MAX_EXPONENT = 125;
const MIN_EXPONENT = -130;
/** The largest exponent that is parsed; the value's own limits are checked afterwards. */
const MAX_WRITTEN_EXPONENT = 2 ** 31 - 1;

function parse(text: string): Decimal {
  const [whole, sign, integer = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
  if (whole === undefined || integer + fraction === '' || Math.abs(Number(exponent)) > MAX_WRITTEN_EXPONENT) {
    return refuse(`The parameter cannot be converted to a numeric value: ${text}`);
  }
  const digits = BigInt(`${sign === '-' ? '-' : ''}${integer}${fraction}`);
  return reduced({ digits, scale: fraction.length - Number(exponent) });
}

function reduced({ digits, scale }: Decimal): Decimal {
  if (digits === 0n) return { digits, scale: 0 };
  const text = String(digits);
  const zeros = text.length - text.replace(/0+$/, '').length;
  return { digits: digits / 10n ** BigInt(zeros), scale: scale - zeros };
}

function format(decimal: Decimal): string {
  const { digits, scale } = reduced(decimal);
  const absolute = String(digits < 0n ? -digits : digits);
  const exponent = absolute.length - scale - 1;
  if (absolute.length > MAX_DIGITS) refuse('Attempting to store more than 38 significant digits in a Number');
  if (digits !== 0n && exponent > MAX_EXPONENT) {
    refuse('Number overflow. Attempting to store a number with magnitude larger than supported range');
  }
  if (digits !== 0n && exponent < MIN_EXPONENT) {
    refuse('Number underflow. Attempting to store a number with magnitude smaller than supported range');
  }
  const sign = digits < 0n ? '-' : '';
  if (scale <= 0) return `${sign}${absolute}${'0'.repeat(-scale)}`;
  const padded = absolute.padStart(scale + 1, '0');
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}

function aligned(a: Decimal, b: Decimal): { a: bigint; b: bigint; scale: number } {
  const scale = Math.max(a.scale, b.scale);
  const at = ({ digits, scale: own }: Decimal): bigint => digits * 10n ** BigInt(scale - own);
  return { a: at(a), b: at(b), scale };
}

/** The number as DynamoDB stores it: without superfluous zeros and without an exponent. */
export const normalNumber = (text: string): string => (PLAIN_INTEGER.test(text) ? text : format(parse(text)));

/** Most numbers; this form is the stored one. */
const PLAIN_INTEGER = /^(?:0|-?[1-9]\d{0,37})$/;

export function compareNumbers(left: string, right: string): number {
  const { a, b } = aligned(parse(left), parse(right));
  return a < b ? -1 : a > b ? 1 : 0;
}

export function addNumbers(left: string, right: string): string {
  const { a, b, scale } = aligned(parse(left), parse(right));
  return format({ digits: a + b, scale });
}

export function subtractNumbers(left: string, right: string): string {
  const { a, b, scale } = aligned(parse(left), parse(right));
  return format({ digits: a - b, scale });
}
