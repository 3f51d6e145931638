import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Scanner;
import java.util.regex.Pattern;

/** Judges texts by patterns as a JSON Schema validator in Java does. Lines: a rule with its patterns, or a text. */
class SchemaPatterns {
  record Rule(Pattern pattern, Pattern except) {}

  static String text(String base64) {
    return new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
  }

  public static void main(String[] args) {
    Map<String, Rule> rules = new HashMap<>();
    Scanner lines = new Scanner(System.in, StandardCharsets.US_ASCII);
    while (lines.hasNextLine()) {
      String[] words = lines.nextLine().split(" ", -1);
      if (words[0].equals("rule")) {
        Pattern except = words[3].isEmpty() ? null : Pattern.compile(text(words[3]));
        rules.put(words[1], new Rule(Pattern.compile(text(words[2])), except));
        continue;
      }
      Rule rule = rules.get(words[1]);
      String value = text(words[2]);
      boolean accepted =
          rule.pattern().matcher(value).find() && (rule.except() == null || !rule.except().matcher(value).find());
      System.out.println(accepted);
    }
  }
}
