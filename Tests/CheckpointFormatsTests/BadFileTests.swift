import CheckpointFormats
import DINOTestSupport
import Testing

@Suite("Files that are no weight files")
struct BadFileTests {
  /// Wraps a text as the contents of a file.
  static func text(_ name: String, _ text: String, says: String...) -> HostileFile {
    HostileFile(copying: HostileFile(name, Array(text.utf8)), says: says)
  }

  /// An archive with one member.
  static func archive(_ name: String, member: String, says: String...) -> HostileFile {
    var builder = ZipBuilder.torch(PickleBuilder().finished())
    builder.members.insert(.init(name: member, data: [1, 2, 3], method: 8), at: 0)
    return HostileFile(copying: HostileFile(name, builder.finished()), says: says)
  }

  static var tar: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1024)
    bytes.replaceSubrange(257..<262, with: Array("ustar".utf8))
    return bytes
  }

  static let files: [HostileFile] = [
    HostileFile("empty", [], says: "is empty", "fetch the weight file again"),
    HostileFile("zeros", [UInt8](repeating: 0, count: 4096), says: "is no weight file"),
    HostileFile("tar", tar, says: "is a tar archive"),
    HostileFile("gzip", [0x1F, 0x8B, 8, 0], says: "compressed with gzip", "unpack it"),
    text(
      "HTML", "<!DOCTYPE html>\n<html></html>", says: "is a web page", "download probably failed"),
    text("HTML after a comment", "\n<!-- -->\n<HTML>", says: "is a web page"),
    text("XML of a bucket", "<?xml version='1.0'?><Error/>", says: "is a web page"),
    text(
      "Git-LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
      says: "Git-LFS pointer", "git lfs pull"),
    text("a server's answer", "Entry not found", says: "is a text", "\"Entry not found\""),
    text("JSON", #"{"error": "not found"}"#, says: "JSON text without weight_map"),
    archive(
      "TorchScript", member: "archive/code/__torch__.py", says: "TorchScript archive",
      "state_dict()"),
    archive("TorchScript constants", member: "archive/constants.pkl", says: "TorchScript archive"),
    archive("numpy archive", member: "a.npy", says: "archive of numpy arrays"),
    archive("deflated", member: "archive/data/0", says: "compression method 8"),
  ]

  @Test("are refused in one line that says what they are", arguments: files)
  func refusal(file: HostileFile) throws { try file.expectRefusal() }

  @Test("nor is a folder without one")
  func emptyFolder() throws {
    let folder = try TemporaryFolder()

    let error = #expect(throws: CheckpointError.self) { try Checkpoint.read(folder.path) }

    #expect("\(try #require(error))".contains("is a folder without a weight file"))
  }

  @Test("nor is one that does not exist")
  func missing() throws {
    let error = #expect(throws: CheckpointError.self) { try Checkpoint.read("/no/such.pth") }

    #expect("\(try #require(error))".hasPrefix("/no/such.pth: cannot be opened"))
  }

  @Test(
    "nor is a weight file that was cut off, wherever",
    arguments: ["model.safetensors", "pytorch_model.bin", "pretrain_legacy.pth"])
  func truncated(name: String) throws {
    let golden = Golden.named(
      name.contains("legacy") ? "checkpoints/pretrain_legacy" : "checkpoints/hf_dinov2")
    let whole = try FileBytes(path: golden.sideFile(name)).withUnsafeBytes { Array($0) }
    let folder = try TemporaryFolder()

    for length in stride(from: 0, to: whole.count, by: max(whole.count / 97, 1)) {
      let path = try folder.write("cut.pth", Array(whole[..<length]))
      let error = #expect(throws: CheckpointError.self, "\(length) bytes") {
        try Checkpoint.read(path)
      }
      #expect(!"\(try #require(error))".contains("\n"))
    }
    let path = try folder.write("cut.pth", Array(whole[..<(whole.count * 3 / 4)]))
    let error = #expect(throws: CheckpointError.self) { try Checkpoint.read(path) }
    #expect("\(try #require(error))".contains("cut off"))
  }

  @Test("nor is a pickled module, which holds a program")
  func module() throws {
    let pickle = PickleBuilder.map { pickle in
      pickle.global("torch.nn.modules.container", "Sequential")
      pickle.op(")")
      pickle.raw([0x81])
    }
    try HostilePickleTests.file(
      "module", pickle, says: "torch.nn.modules.container.Sequential", "state_dict()",
      "nothing was executed"
    ).expectRefusal()
  }

  @Test("foreign objects beside the weights are refused, or kept without meaning where accepted")
  func foreignRecords() throws {
    let pickle = PickleBuilder.map { pickle in
      pickle.tensor(numel: 4, shape: [4], strides: [1])
      pickle.text("args")
      pickle.global("argparse", "Namespace")
      pickle.op(")")
      pickle.raw([0x81])
      pickle.op("}")
      pickle.op("b")
    }
    let bytes = ZipBuilder.torch(pickle, storages: [HostilePickleTests.floats4]).finished()
    var options = CheckpointOptions()
    options.acceptsForeignRecords = true
    let folder = try TemporaryFolder()
    let path = try folder.write("training.pth", bytes)

    try HostileFile("training", bytes, says: "argparse.Namespace", "foreign records")
      .expectRefusal()
    #expect(try Checkpoint.read(path, options: options).tensors.names == ["weight"])
  }
}
