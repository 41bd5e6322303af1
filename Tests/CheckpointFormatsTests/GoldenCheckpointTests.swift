import CheckpointFormats
import DINOTestSupport
import Testing

@Suite("Checkpoints that the original wrote")
struct GoldenCheckpointTests {
  @Test("every PyTorch file is read", arguments: Golden.cases(inGroup: "checkpoints"))
  func readsEveryFile(golden: Golden) throws {
    for path in try golden.sideFiles() where path.hasSuffix(".pth") || path.hasSuffix(".bin") {
      let checkpoint = try Checkpoint.read(path)

      #expect(checkpoint.format == (path.contains("legacy") ? .torchLegacy : .torchZip))
      #expect(checkpoint.tensors.count > 1)
      for (name, tensor) in checkpoint.tensors {
        #expect(try tensor.floats().count == tensor.count, "\(name)")
      }
    }
  }

  @Test("Hugging Face's two files of one model hold the same bits")
  func sameBitsInBothFormats() throws {
    let golden = Golden.named("checkpoints/hf_dinov2")
    let torch = try Checkpoint.read(golden.sideFile("hf_dinov2/pytorch_model.bin")).tensors
    let safe = try Checkpoint.read(golden.sideFile("hf_dinov2/model.safetensors")).tensors

    #expect(torch.count == safe.count)
    for (name, tensor) in safe {
      expectSameBits(torch[name], tensor, name)
    }
  }

  @Test("a model folder is read by its path")
  func readsFolder() throws {
    let golden = Golden.named("checkpoints/hf_dinov2")
    let file = try golden.sideFile("hf_dinov2/model.safetensors")
    let folder = String(file.dropLast("/model.safetensors".count))

    #expect(try Checkpoint.read(folder).tensors.names == Checkpoint.read(file).tensors.names)
  }

  @Test(
    "views, empty and scalar tensors and all dtypes come out bit for bit",
    arguments: ["odd_tensors.pth", "odd_tensors_legacy.pth"])
  func oddTensors(file: String) throws {
    let golden = Golden.named("checkpoints/odd_tensors")
    let expected = try golden.tensors()

    let checkpoint = try Checkpoint.read(golden.sideFile(file))

    #expect(Set(checkpoint.tensors.names) == Set(expected.names))
    for (name, tensor) in expected {
      expectSameBits(checkpoint.tensors[name], tensor, name)
    }
  }

  @Test(
    "the other leaves of the tree are those of the original",
    arguments: ["odd_tensors.pth", "odd_tensors_legacy.pth"])
  func oddLeaves(file: String) throws {
    let golden = Golden.named("checkpoints/odd_tensors")
    let expected = try #require(golden.config["leaves"]?.object)

    let checkpoint = try Checkpoint.read(golden.sideFile(file))

    var found: [String: JSONValue] = [:]
    checkpoint.root.forEachLeaf { path, leaf in
      if leaf.tensor == nil { found[path.joined(separator: "/")] = json(leaf) }
    }
    #expect(found == expected)
  }

  @Test("a training checkpoint keeps its tree")
  func trainingCheckpoint() throws {
    let golden = Golden.named("checkpoints/training_checkpoint")

    let checkpoint = try Checkpoint.read(golden.sideFile("training_checkpoint.pth"))

    #expect(checkpoint.root["iteration"]?.integer == (try golden.config["iteration"]?.integer))
    let groups = try #require(checkpoint.root["optimizer"]?["param_groups"]).children
    let expectedGroups = try #require(golden.config["groups"]?.array)
    #expect(groups.count == expectedGroups.count)
    for (group, expected) in zip(groups, expectedGroups) {
      #expect(group["params"]?.children.map(\.integer) == expected["params"]?.array?.map(\.integer))
      #expect(group["lr_multiplier"]?.number == expected["lr_multiplier"]?.number)
    }
    let model = try checkpoint.tensors(under: ["model"])
    expectSameBits(model["dino_loss.center"], try golden["expected.dino_loss.center"], "center")
    let state = try checkpoint.tensors(under: ["optimizer", "state"])
    for name in try golden.names(prefix: "expected.optimizer.state.") {
      let parts = name.split(separator: ".").dropFirst(3)
      expectSameBits(state[parts.joined(separator: "/")], try golden[name], name)
    }
  }

  @Test("a missing key is named with those that are there")
  func missingKey() throws {
    let golden = Golden.named("checkpoints/teacher_checkpoint")
    let checkpoint = try Checkpoint.read(golden.sideFile("teacher_checkpoint.pth"))

    #expect(throws: CheckpointError.self) { try checkpoint.tensors(under: ["student"]) }
    #expect(try checkpoint.tensors(under: ["teacher"]).count == checkpoint.tensors.count)
  }

  private func json(_ value: CheckpointValue) -> JSONValue {
    switch value.kind {
    case .none: .null
    case .bool(let value): .bool(value)
    case .integer(let value): .integer(value)
    case .bigInteger(let text), .string(let text): .string(text)
    case .float(let value): .number(value)
    case .map: .object([:])
    case .list, .tuple: .array([])
    default: .string("something else")
    }
  }
}

/// Records an issue unless two tensors have the same type, shape and bytes.
func expectSameBits(
  _ got: StoredTensor?, _ expected: StoredTensor, _ name: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard let got else {
    Issue.record("tensor \(name) is missing", sourceLocation: sourceLocation)
    return
  }
  #expect(got.scalarType == expected.scalarType, "\(name)", sourceLocation: sourceLocation)
  #expect(got.shape == expected.shape, "\(name)", sourceLocation: sourceLocation)
  let bytes = got.withContiguousBytes { Array($0) }
  let wanted = expected.withContiguousBytes { Array($0) }
  #expect(bytes == wanted, "\(name)", sourceLocation: sourceLocation)
}
