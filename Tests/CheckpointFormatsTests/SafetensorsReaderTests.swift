import CheckpointFormats
import DINOTestSupport
import Testing

@Suite("Safetensors reader")
struct SafetensorsReaderTests {
  @Test("reads every golden case", arguments: Golden.cases(inGroup: "vit"))
  func readsGolden(golden: Golden) throws {
    let names = try golden.names(prefix: "expected.")
    for name in names {
      let tensor = try golden[name]
      expectClose(
        got: try tensor.floats(), shape: tensor.shape, expected: tensor, tolerance: 0,
        label: name, exactly: true)
    }
  }
}
