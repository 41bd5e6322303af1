import CheckpointFormats
import DINOModels
import DINOTestSupport
import Testing
import Torch

/// One combination of what a weight file can be.
struct WrittenForm: Sendable, CustomTestStringConvertible {
  let form: WeightForm
  let ending: String
  let registers: Int
  let isGated: Bool

  var testDescription: String {
    "\(form.style) \(form.elementType) .\(ending), \(registers) registers, gated \(isGated)"
  }

  static let all: [WrittenForm] = KeyStyle.allCases.flatMap { style in
    WeightForm.ElementType.allCases.flatMap { type in
      ["safetensors", "pth", "bin"].flatMap { ending in
        [(0, false), (4, true)].map { registers, isGated in
          WrittenForm(
            form: WeightForm(style, type), ending: ending, registers: registers,
            isGated: isGated)
        }
      }
    }
  }

  func model() throws -> VisionTransformer { try .random(registers: registers, isGated: isGated) }
}

@Suite("Weight files")
struct StateDictWriterTests {
  @Test("come back with the same bits", arguments: WrittenForm.all)
  func roundTrip(written: WrittenForm) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model.\(written.ending)")
    let model = try written.model()

    _ = try StateDictWriter.write(model, as: written.form, to: path)
    let file = try WeightFile(path: path)
    let back = try VisionTransformer.load(file, numHeads: model.config.numHeads)

    #expect(file.style == written.form.style)
    #expect(back.config.differences(to: model.config).isEmpty)
    let dtype = try #require(DType.allCases.first { "\($0)" == written.form.elementType.rawValue })
    for (name, expected) in try expectation(model, as: written.form.style) {
      let got = try #require(back.stateDict[name])
      #expect(try got.floats() == expected.to(dtype: dtype).floats(), "\(name)")
    }
  }

  /// What a file of a style gives back: timm's has no mask token and one sum for the class token.
  private func expectation(
    _ model: VisionTransformer, as style: KeyStyle
  ) throws -> [String: Tensor] {
    var tensors = model.stateDict
    guard style == .timm else { return tensors }
    tensors["mask_token"] = try Tensor.zeros([1, model.config.embedDim])
    guard model.config.numRegisterTokens > 0 else { return tensors }
    let cls = try #require(tensors["cls_token"])
    let positions = try #require(tensors["pos_embed"])
    let first = try positions.narrow(dim: 1, 0..<1)
    tensors["cls_token"] = try cls + first
    tensors["pos_embed"] = try Tensor.cat(
      [Tensor.zeros(first.shape), positions.narrow(dim: 1, 1..<positions.shape[1])], dim: 1)
    return tensors
  }

  @Test("give the same features", arguments: KeyStyle.allCases)
  func sameFeatures(style: KeyStyle) throws {
    let folder = try TemporaryFolder()
    let model = try VisionTransformer.random(registers: 4, isGated: false)
    let image = try Tensor.randn([1, 3, 32, 32], generator: Generator(seed: 3))

    _ = try StateDictWriter.write(model, as: WeightForm(style), to: folder.file("a.pth"))
    let (back, _) = try ModelFile.load(folder.file("a.pth"), numHeads: 2)

    #expect(
      try back.forwardFeatures(image).normalized.floats()
        == model.forwardFeatures(image).normalized.floats())
  }

  @Test(
    "hold the tensors in the type that was asked for", arguments: WeightForm.ElementType.allCases)
  func storedType(type: WeightForm.ElementType) throws {
    let folder = try TemporaryFolder()
    let model = try VisionTransformer.random()

    _ = try StateDictWriter.write(
      model, as: WeightForm(.huggingFace, type), to: folder.file("a.safetensors"))

    let checkpoint = try Checkpoint.read(folder.file("a.safetensors"))
    #expect(checkpoint.tensors.allSatisfy { "\($0.tensor.scalarType)" == type.rawValue })
    #expect(checkpoint.metadata["format"] == "pt")
  }

  @Test("can be what training writes, with grouped blocks", arguments: [0, 1, 2])
  func teacherCheckpoint(chunks: Int) throws {
    let folder = try TemporaryFolder()
    let model = try VisionTransformer.random()
    var form = WeightForm(.meta)
    form.isTeacherCheckpoint = true
    form.blockChunks = chunks

    _ = try StateDictWriter.write(model, as: form, to: folder.file("teacher_checkpoint.pth"))

    let checkpoint = try Checkpoint.read(folder.file("teacher_checkpoint.pth"))
    let names = try checkpoint.tensors(under: ["teacher"]).names
    let block = ["backbone.blocks.1.", "backbone.blocks.0.1.", "backbone.blocks.1.1."][chunks]
    #expect(names.contains(block + "attn.qkv.weight"))
    #expect(names.allSatisfy { $0.hasPrefix("backbone.") })
    let back = try VisionTransformer.load(WeightFile(checkpoint), numHeads: 2)
    for (name, tensor) in model.stateDict {
      #expect(try back.stateDict[name]?.floats() == tensor.floats(), "\(name)")
    }
  }

  @Test("name what they cannot hold")
  func losses() throws {
    let folder = try TemporaryFolder()
    let model = try VisionTransformer.random(registers: 4)
    func losses(_ form: WeightForm) throws -> String {
      try StateDictWriter.write(model, as: form, to: folder.file("a.pth")).joined(separator: "\n")
    }

    #expect(
      try losses(WeightForm(.meta))
        == "num_heads 2: no weight file says it; whoever loads this one has to know")
    let timm = try losses(WeightForm(.timm))
    #expect(timm.contains("mask_token: timm has none"))
    #expect(timm.contains("pos_embed[:, 0]: timm adds the class position into cls_token"))
    #expect(try losses(WeightForm(.meta, .float16)).contains("tensors are rounded to float16"))
    #expect(try !losses(WeightForm(.meta)).contains("rounded"))
  }

  @Test("say when another library resizes positions in its own way")
  func interpolation() throws {
    let folder = try TemporaryFolder()
    func losses(registers: Int, _ style: KeyStyle) throws -> [String] {
      let model = try VisionTransformer.random(registers: registers)
      return try StateDictWriter.write(model, as: WeightForm(style), to: folder.file("a.pth"))
        .filter { $0.hasPrefix("how positions are resized") }
    }

    #expect(try losses(registers: 0, .meta).isEmpty)
    #expect(try losses(registers: 0, .huggingFace).count == 1)
    #expect(try losses(registers: 0, .timm).count == 1)
    for style in KeyStyle.allCases { #expect(try losses(registers: 4, style).isEmpty) }
  }

  @Test("refuse numbers that the type cannot hold")
  func overflow() throws {
    let folder = try TemporaryFolder()
    let model = try VisionTransformer.random()
    let name = "blocks.1.norm2.weight"
    try model.parameters.loadPartially(
      [name: Tensor([Float](repeating: 1e5, count: model.config.embedDim))])

    let error = #expect(throws: ModelError.self) {
      try StateDictWriter.write(
        model, as: WeightForm(.meta, .float16), to: folder.file("a.pth"))
    }

    #expect("\(try #require(error))".contains("\(name) holds numbers too large for float16"))
    #expect(try folder.contents().isEmpty)
  }

  @Test(
    "refuse other endings in one line",
    arguments: ["model.onnx", "model.pt", "model.tar.gz", "model", ".safetensors"])
  func endings(name: String) throws {
    let folder = try TemporaryFolder()
    let model = try VisionTransformer.random()

    let error = #expect(throws: ModelError.self) {
      try StateDictWriter.write(model, as: WeightForm(.meta), to: folder.file(name))
    }

    let message = "\(try #require(error))"
    #expect(message.hasSuffix("names no weight file: use .safetensors, .pth or .bin"))
    #expect(!message.contains("\n"))
    #expect(try folder.contents().isEmpty)
  }

  @Test("refuse contradictory forms")
  func contradictions() throws {
    let folder = try TemporaryFolder()
    let model = try VisionTransformer.random()
    var teacher = WeightForm(.meta)
    teacher.isTeacherCheckpoint = true
    var grouped = WeightForm(.timm)
    grouped.blockChunks = 2

    #expect(throws: ModelError.self) {
      try StateDictWriter.write(model, as: teacher, to: folder.file("a.safetensors"))
    }
    #expect(throws: ModelError.self) {
      try StateDictWriter.write(model, as: grouped, to: folder.file("a.pth"))
    }
    #expect(try folder.contents().isEmpty)
  }

  @Test("leave nothing behind where they cannot be written", arguments: ["safetensors", "pth"])
  func unwritable(ending: String) throws {
    let folder = try TemporaryFolder()
    let model = try VisionTransformer.random()
    // A folder of the name is in the way, which also the superuser cannot rename a file over.
    try folder.write("model.\(ending)/file", [1])

    let error = #expect(throws: ModelError.self) {
      try StateDictWriter.write(
        model, as: WeightForm(.meta), to: folder.file("model.\(ending)"))
    }

    #expect("\(try #require(error))".contains("cannot be put in place"))
    #expect(try folder.contents() == ["model.\(ending)"])
    #expect(throws: ModelError.self) {
      try StateDictWriter.write(model, as: WeightForm(.meta), to: folder.file("no/model.pth"))
    }
    #expect(try folder.contents() == ["model.\(ending)"])
  }

  @Test("of transformers' state dictionaries in memory are read", arguments: [false, true])
  func namesInMemory(isGated: Bool) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model.safetensors")
    let model = try VisionTransformer.random(isGated: isGated)
    _ = try StateDictWriter.write(model, as: WeightForm(.huggingFace), to: path)
    var entries: [(name: String, tensor: StoredTensor)] = []
    for (name, tensor) in try Checkpoint.read(path).tensors {
      let inMemory = Self.inMemory.reduce(name) { $0.replacing($1.published, with: $1.inMemory) }
      guard name.contains(".mlp.weights_in.") else {
        entries.append((inMemory, tensor))
        continue
      }
      let values = try tensor.floats()
      let shape = [tensor.shape[0] / 2] + tensor.shape.dropFirst()
      for (part, half) in [
        ("gate_proj", values[..<(values.count / 2)]), ("up_proj", values[(values.count / 2)...]),
      ] {
        let name = name.replacing("weights_in", with: part)
        entries.append((name, try StoredTensor(floats: Array(half), shape: shape)))
      }
    }
    try Safetensors.write(entries, to: path)

    let file = try WeightFile(path: path)
    let back = try VisionTransformer.load(file, numHeads: 2)

    #expect(file.style == .huggingFace)
    for (name, tensor) in model.stateDict {
      #expect(try back.stateDict[name]?.floats() == tensor.floats(), "\(name)")
    }
  }

  private static let inMemory = [
    (published: "attention.attention.query", inMemory: "attention.q_proj"),
    (published: "attention.attention.key", inMemory: "attention.k_proj"),
    (published: "attention.attention.value", inMemory: "attention.v_proj"),
    (published: "attention.output.dense", inMemory: "attention.o_proj"),
    (published: "mlp.weights_out", inMemory: "mlp.down_proj"),
  ]

  @Test("may replace the file that they were read from")
  func inPlace() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model.safetensors")
    let model = try VisionTransformer.random()
    _ = try StateDictWriter.write(model, as: WeightForm(.meta), to: path)

    let conversion = try ModelFile.convert(path, to: path, as: WeightForm(.huggingFace))

    #expect(conversion.style == .meta)
    let file = try WeightFile(path: path)
    #expect(file.style == .huggingFace)
    let back = try VisionTransformer.load(file, numHeads: 2)
    for (name, tensor) in model.stateDict {
      #expect(try back.stateDict[name]?.floats() == tensor.floats(), "\(name)")
    }
  }
}
