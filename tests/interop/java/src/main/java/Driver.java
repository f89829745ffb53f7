import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.json.JSONArray;
import org.json.JSONObject;

/** A driver for the Java client: see ../../../../README.md for the commands. */
class Driver {
  private static final String POM = "/META-INF/maven/io.socket/socket.io-client/pom.properties";

  private final Map<String, Socket> sockets = new HashMap<>();

  public static void main(String[] arguments) throws IOException {
    report(new JSONObject()
        .put("report", "ready")
        .put("version", version())
        .put("runtime", "Java " + Runtime.version().feature()));
    Driver driver = new Driver();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      driver.carryOut(new JSONObject(line));
    }
    System.exit(0);
  }

  private void carryOut(JSONObject command) {
    String name = command.getString("socket");
    switch (command.getString("do")) {
      case "open" -> sockets.put(name, open(name, command));
      case "emit" -> emit(name, command);
      default -> sockets.get(name).disconnect();
    }
  }

  private static Socket open(String name, JSONObject command) {
    IO.Options options = new IO.Options();
    options.forceNew = true;
    options.reconnectionDelay = 100;
    options.reconnectionDelayMax = 500;
    JSONArray transports = command.getJSONObject("options").optJSONArray("transports");
    if (transports != null) {
      options.transports = list(transports).toArray(String[]::new);
    }
    options.auth = new HashMap<>();
    JSONObject auth = command.getJSONObject("auth");
    for (Iterator<?> keys = auth.keys(); keys.hasNext(); ) {
      String key = (String) keys.next();
      options.auth.put(key, String.valueOf(auth.get(key)));
    }
    Socket socket = IO.socket(URI.create(command.getString("url") + command.getString("namespace")), options);
    // This client does not know of recovery.
    socket.on(Socket.EVENT_CONNECT, args -> tell(name, "connect", "recovered", JSONObject.NULL));
    socket.on(Socket.EVENT_DISCONNECT, args -> tell(name, "disconnect", "reason", args[0]));
    socket.on(Socket.EVENT_CONNECT_ERROR, args -> tell(name, "error", "message", String.valueOf(args[0])));
    for (Object event : list(command.getJSONArray("listen"))) {
      socket.on((String) event, args -> report(new JSONObject()
          .put("report", "event").put("socket", name).put("name", event).put("args", coded(args))));
    }
    return socket.connect();
  }

  private void emit(String name, JSONObject command) {
    Object[] args = list(command.getJSONArray("args")).stream().map(Driver::decoded).toArray();
    Ack answered = command.isNull("ack") ? null : answer -> report(new JSONObject()
        .put("report", "ack").put("socket", name).put("ack", command.getInt("ack")).put("args", coded(answer)));
    sockets.get(name).emit(command.getString("event"), args, answered);
  }

  private static Object decoded(Object arg) {
    return arg instanceof JSONObject map && map.has("base64")
        ? Base64.getDecoder().decode(map.getString("base64")) : arg;
  }

  private static JSONArray coded(Object[] args) {
    JSONArray coded = new JSONArray();
    for (Object arg : args) {
      coded.put(arg instanceof byte[] bytes
          ? new JSONObject().put("base64", Base64.getEncoder().encodeToString(bytes)) : arg);
    }
    return coded;
  }

  private static List<Object> list(JSONArray array) {
    List<Object> list = new ArrayList<>();
    for (int index = 0; index < array.length(); index++) {
      list.add(array.get(index));
    }
    return list;
  }

  private static void tell(String name, String kind, String key, Object value) {
    report(new JSONObject().put("report", kind).put("socket", name).put(key, value));
  }

  private static synchronized void report(JSONObject one) {
    System.out.println(one);
    System.out.flush();
  }

  private static String version() throws IOException {
    Properties properties = new Properties();
    try (InputStream file = IO.class.getResourceAsStream(POM)) {
      properties.load(file);
    }
    return properties.getProperty("version");
  }
}
