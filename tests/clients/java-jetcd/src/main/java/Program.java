import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.KV;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/** The first program that users of jetcd write: connect, put, get, print, close. Its other features are not used yet. */
public final class Program {
  private static final String[] NOT_USED = {
    "txn", "watch", "watch-kill", "lease", "lease-kill", "lock", "election", "auth"
  };

  public static void main(String[] arguments) {
    String[] endpoints =
        Arrays.stream(System.getenv("ENDPOINTS").split(","))
            .map(endpoint -> "http://" + endpoint)
            .toArray(String[]::new);
    boolean isOk = true;
    try (Client client = Client.builder().endpoints(endpoints).build()) {
      putAndGet(client.getKVClient());
      System.out.println("kv: ok");
    } catch (Exception | AssertionError error) {
      error.printStackTrace();
      System.out.println("kv: failed: " + error.toString().replaceAll("\\s+", " "));
      isOk = false;
    }
    for (String feature : NOT_USED) {
      System.out.println(feature + ": skipped: the program only puts and gets");
    }
    System.exit(isOk ? 0 : 1);
  }

  private static void putAndGet(KV kv) throws Exception {
    ByteSequence key = ByteSequence.from("test_key", UTF_8);
    ByteSequence value = ByteSequence.from("test_value", UTF_8);
    long put = kv.put(key, value).get(10, TimeUnit.SECONDS).getHeader().getRevision();
    var found = kv.get(key).get(10, TimeUnit.SECONDS).getKvs();
    if (found.size() != 1 || !found.get(0).getValue().equals(value)) {
      throw new AssertionError("found " + found + ", expected test_value");
    }
    if (found.get(0).getModRevision() != put) {
      throw new AssertionError("revision " + found.get(0).getModRevision() + ", expected " + put);
    }
    System.err.println(found.get(0).getValue().toString(UTF_8));
  }
}
