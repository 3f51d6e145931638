import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.*;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import java.io.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.*;
import java.time.format.DateTimeFormatter;
import java.util.*;
import java.util.zip.GZIPOutputStream;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.services.dynamodb.DynamoDbClient;
import software.amazon.awssdk.services.dynamodb.model.*;

/**
 * Writes events to the outbox from Java, in the transaction of the business data.
 *
 * <pre>
 * Writer conformance                  one JSON change a line -> one outbox item a line
 * Writer commit OUTBOX_TABLE ORDERS   one JSON change a line -> committed, with an item of ORDERS
 * </pre>
 */
final class Writer {
  static final ObjectMapper JSON = new ObjectMapper();
  /** Of the npm package dynamodb-outbox; here Maven copies it from this repository. */
  static final JsonSchema SCHEMA =
      JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
          .getSchema(Writer.class.getResourceAsStream("/item.schema.json"));
  static final long MAX_VERSION = (1L << 53) - 1;
  static final long END_OF_9999 = 253_402_300_799_999L;
  static final int MAX_KEY_BYTES = 2048, MAX_ITEM_BYTES = 400 * 1024, MAX_DECOMPRESSED_BYTES = 1024 * 1024;
  /** The relay adds its marks to the item: a parked item's reason, and a receipt for each event. */
  static final int MARK_BYTES = 2000, RECEIPT_BYTES = 40;
  static final DateTimeFormatter ISO = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSX");

  /** The change has no valid item. Nothing is written. */
  static final class Refused extends RuntimeException {
    Refused(String rule) {
      super(rule);
    }
  }

  static void require(boolean condition, String rule) {
    if (!condition) throw new Refused(rule);
  }

  /** The outbox item of a change. Binary values are Jackson's binary nodes. */
  static ObjectNode itemOf(JsonNode change) throws Exception {
    JsonNode aggregate = change.path("aggregate"), key = change.path("key"), version = change.path("version");
    JsonNode requestId = change.path("requestId"), events = change.path("events");
    require(key.isTextual() && !key.textValue().isEmpty(), "key: a text that is not empty");
    // A "#" in the aggregate would end it, and the rest would become a part of the key.
    require(aggregate.isTextual() && !aggregate.textValue().contains("#"), "aggregate: a text without \"#\"");
    require(version.isMissingNode() || isInteger(version, MAX_VERSION), "version: an integer from 0 to " + MAX_VERSION);
    require(requestId.isMissingNode() || requestId.isTextual() && change.has("committedAt"), "requestId: with committedAt");
    JsonNode at = change.has("committedAt") ? change.get("committedAt") : JSON.valueToTree(System.currentTimeMillis());
    require(isInteger(at, END_OF_9999), "committedAt: an integer of epoch milliseconds");
    long committedAt = at.longValue();
    require(committedAt < 1e8 || committedAt >= 1e10, "committedAt: epoch milliseconds, not seconds");
    require(events.isArray() && !events.isEmpty(), "events: at least one");

    String pk = aggregate.textValue() + "#" + key.textValue();
    ObjectNode item = JSON.createObjectNode().put("pk", pk);
    ArrayNode stored = JSON.createArrayNode();
    String position = null;
    for (int index = 0; index < events.size(); index++) {
      String newId = uuidV7(committedAt, requestId, pk, index);
      // A repeated request must have the same position, so it does not depend on ids that a caller names.
      if (index == 0) position = newId;
      stored.add(eventOf(change, index, newId, committedAt));
    }
    item.put("sk", version.isMissingNode() ? position : String.format("%016d", version.longValue()));
    item.set("id", stored.get(0).get("id"));
    item.set("events", stored);
    item.set("source", change.get("source"));
    item.set("region", change.get("region"));
    item.put("committedAt", committedAt);
    for (String name : List.of("traceparent", "tracestate", "causationId", "correlationId")) {
      if (change.has(name)) item.set(name, change.get(name));
    }
    check(item);
    return item;
  }

  /** Leaves defaults out: each started KB of an item costs. */
  static ObjectNode eventOf(JsonNode change, int index, String newId, long committedAt) throws IOException {
    JsonNode event = change.get("events").get(index), data = event.path("data");
    ObjectNode stored = JSON.createObjectNode().put("id", newId);
    Map<String, Object> defaults = new HashMap<>(Map.of("contentType", "application/json"));
    defaults.put("time", ISO.format(Instant.ofEpochMilli(committedAt).atOffset(ZoneOffset.UTC)));
    if (index > 0) defaults.put("topic", change.at("/events/0/topic").textValue());
    for (String name : List.of("id", "type", "topic", "time", "contentType", "dataSchema")) {
      JsonNode value = event.path(name);
      boolean isDefault = value.isTextual() && value.textValue().equals(defaults.get(name));
      if (!value.isMissingNode() && !isDefault) stored.set(name, value);
    }
    if (data.isObject()) data = JSON.getNodeFactory().binaryNode(data.get("base64").binaryValue());
    if (change.path("compress").asBoolean() && (data.isTextual() || data.isBinary())) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      // Java stores no time of the compression, so a repeated request has the same bytes.
      try (GZIPOutputStream gzip = new GZIPOutputStream(bytes)) {
        gzip.write(data.isTextual() ? utf8(data.textValue()) : data.binaryValue());
      }
      data = JSON.createObjectNode().put("gzip", bytes.toByteArray());
    }
    if (!data.isMissingNode()) stored.set("data", data);
    JsonNode headers = event.path("headers");
    if (!headers.isMissingNode() && !(headers.isObject() && headers.isEmpty())) stored.set("headers", headers);
    return stored;
  }

  /** The schema, and the rules that it cannot state. */
  static void check(ObjectNode item) throws IOException {
    // For JSON Schema, binary data is an object without properties.
    ObjectNode readable = item.deepCopy();
    for (JsonNode event : readable.get("events")) {
      JsonNode data = event.path("data");
      if (data.isBinary() || data.path("gzip").isBinary()) ((ObjectNode) event).putObject("data");
    }
    SCHEMA.validate(readable).stream().findFirst().ifPresent(each -> require(false, each.getMessage()));
    require(bytesOf(item.get("pk")) <= MAX_KEY_BYTES, "pk: at most " + MAX_KEY_BYTES + " bytes");
    Set<String> ids = new HashSet<>();
    int room = MARK_BYTES, decompressed = 0;
    for (JsonNode event : item.get("events")) {
      require(ids.add(event.get("id").textValue()), "events: each with an id of its own");
      room += (event.has("topic") ? event : item.at("/events/0")).get("topic").textValue().length() + RECEIPT_BYTES;
      byte[] gzip = event.path("data").path("gzip").binaryValue();
      // The size is in the last four bytes of gzip.
      if (gzip != null) decompressed += Integer.reverseBytes(ByteBuffer.wrap(gzip).getInt(gzip.length - 4));
    }
    require(decompressed <= MAX_DECOMPRESSED_BYTES, "data: at most " + MAX_DECOMPRESSED_BYTES + " decompressed bytes");
    int size = bytesOf(item) - 3 - item.size();
    require(size + room <= MAX_ITEM_BYTES, "item: " + size + " bytes, and " + room + " for the relay; at most " + MAX_ITEM_BYTES);
  }

  /** The bytes that DynamoDB counts. */
  static int bytesOf(JsonNode value) throws IOException {
    if (value.isTextual()) return utf8(value.textValue()).length;
    if (value.isBinary()) return value.binaryValue().length;
    if (value.isNumber()) return value.asText().length() / 2 + 2;
    int bytes = 3;
    for (JsonNode each : value) bytes += 1 + bytesOf(each);
    for (var names = value.fieldNames(); names.hasNext(); ) bytes += utf8(names.next()).length;
    return bytes;
  }

  static boolean isInteger(JsonNode value, long max) {
    return value.isIntegralNumber() && value.canConvertToLong() && value.longValue() >= 0 && value.longValue() <= max;
  }

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** A UUIDv7 of the commit. With a request id it is derived, so that a repetition has the same ids. */
  static String uuidV7(long epochMs, JsonNode requestId, String pk, int index) throws Exception {
    byte[] tail = new byte[10];
    if (requestId.isMissingNode()) new SecureRandom().nextBytes(tail);
    else tail = sha256(JSON.writeValueAsString(List.of(requestId.textValue(), pk, index)));
    ByteBuffer bits = ByteBuffer.allocate(16).putLong(epochMs << 16).putLong(0).position(6).put(tail, 0, 10).flip();
    long high = bits.getLong() & ~0xF000L | 0x7000L, low = bits.getLong() & ~(3L << 62) | 2L << 62;
    return new UUID(high, low).toString();
  }

  static byte[] sha256(String text) throws Exception {
    return MessageDigest.getInstance("SHA-256").digest(utf8(text));
  }

  static AttributeValue attributeOf(JsonNode value) {
    if (value.isTextual()) return AttributeValue.fromS(value.textValue());
    if (value.isNumber()) return AttributeValue.fromN(value.asText());
    if (value instanceof BinaryNode binary) return AttributeValue.fromB(SdkBytes.fromByteArray(binary.binaryValue()));
    if (value.isObject()) return AttributeValue.fromM(attributesOf(value));
    List<AttributeValue> list = new ArrayList<>();
    value.forEach(each -> list.add(attributeOf(each)));
    return AttributeValue.fromL(list);
  }

  static Map<String, AttributeValue> attributesOf(JsonNode map) {
    Map<String, AttributeValue> attributes = new LinkedHashMap<>();
    map.fields().forEachRemaining(each -> attributes.put(each.getKey(), attributeOf(each.getValue())));
    return attributes;
  }

  /** DynamoDB JSON. */
  static ObjectNode typed(JsonNode value) {
    ObjectNode json = JSON.createObjectNode();
    if (value.isNumber()) return json.put("N", value.asText());
    if (value.isArray()) value.forEach(each -> json.withArray("/L").add(typed(each)));
    else if (value.isObject()) json.set("M", typedMap(value));
    else json.set(value.isBinary() ? "B" : "S", value);
    return json;
  }

  static ObjectNode typedMap(JsonNode map) {
    ObjectNode json = JSON.createObjectNode();
    map.fields().forEachRemaining(each -> json.set(each.getKey(), typed(each.getValue())));
    return json;
  }

  /** Commits the order and its events in one transaction. With a requestId it may be repeated. */
  static String commit(DynamoDbClient client, JsonNode change, String outboxTable, String ordersTable) throws Exception {
    Map<String, AttributeValue> item = attributesOf(itemOf(change));
    AttributeValue version = AttributeValue.fromN(change.path("version").asText("0"));
    Put order =
        Put.builder()
            .tableName(ordersTable)
            .item(Map.of("id", AttributeValue.fromS(change.get("key").textValue()), "version", version))
            .conditionExpression("attribute_not_exists(id) OR version < :version")
            .expressionAttributeValues(Map.of(":version", version))
            .build();
    Put events =
        Put.builder()
            .tableName(outboxTable)
            .item(item)
            // Neither a second writer nor a late repetition may replace an item that the relay may have published.
            .conditionExpression("attribute_not_exists(pk)")
            .returnValuesOnConditionCheckFailure(ReturnValuesOnConditionCheckFailure.ALL_OLD)
            .build();
    String token = tokenOf(change.path("requestId").textValue());
    try {
      client.transactWriteItems(
          request ->
              request
                  .transactItems(action -> action.put(order), action -> action.put(events))
                  .clientRequestToken(token));
    } catch (TransactionCanceledException error) {
      // With a request id, the same id means that an earlier attempt has committed.
      AttributeValue stored = error.cancellationReasons().get(1).item().get("id");
      if (token == null || !item.get("id").equals(stored)) throw error;
    }
    return item.get("id").s();
  }

  /** DynamoDB takes at most 36 characters. */
  static String tokenOf(String requestId) throws Exception {
    boolean fits = requestId == null || requestId.length() <= 36;
    return fits ? requestId : Base64.getUrlEncoder().encodeToString(sha256(requestId)).substring(0, 36);
  }

  interface Answer {
    JsonNode to(JsonNode change) throws Exception;
  }

  /** One line of JSON for each line of the input. */
  static void answer(Answer answer) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream output = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      JsonNode result;
      try {
        result = answer.to(JSON.readTree(line));
      } catch (Refused error) {
        result = JSON.createObjectNode().put("refused", error.getMessage());
      } catch (SdkClientException error) {
        // Such as a timeout: it may be written. Repeat it with the same requestId.
        result = JSON.createObjectNode().put("unknown", error.getMessage());
      } catch (DynamoDbException error) {
        result = JSON.createObjectNode().put("failed", error.getMessage());
      }
      output.println(JSON.writeValueAsString(result));
    }
  }

  public static void main(String[] args) throws Exception {
    if (args[0].equals("conformance")) {
      answer(change -> typedMap(itemOf(change)));
      return;
    }
    try (DynamoDbClient client =
        DynamoDbClient.builder().overrideConfiguration(all -> all.apiCallTimeout(Duration.ofSeconds(20))).build()) {
      answer(change -> JSON.createObjectNode().put("committed", commit(client, change, args[1], args[2])));
    }
  }
}
