import CheckpointFormats
import DINOModels
import DINOTestSupport
import Foundation
import Testing
import Torch

@Suite("HeadFolder")
struct HeadFolderTests {
  private let folder: TemporaryFolder
  private let model: VisionTransformer

  init() throws {
    folder = try TemporaryFolder()
    model = try .random()
  }

  private func backbone(_ blocks: [Int] = [1], normalize: Bool = true) throws -> HeadBackbone {
    HeadBackbone(
      name: "tiny", model.config, fingerprint: try model.fingerprint(), blocks: blocks,
      normalize: normalize)
  }

  /// A segmentation head with random parameters, and its configuration.
  private func segmentation() throws -> (LinearSegmentationHead, HeadConfig) {
    let sizes = LinearSegmentationHeadConfig(embedDim: 16, taps: 1, classes: 3)
    let head = try LinearSegmentationHead(sizes, in: ParameterScope(seed: 3))
    var config = try HeadConfig(.segmentation, type: "linear", sizes: sizes, backbone: backbone())
    config.classes = ["wall", "floor", "räume|x"]
    config.preprocessing = HeadPreprocessing(resize: 64)
    var training = HeadTraining(data: "rooms", seed: .max)
    training.metrics = ["held_out_mIoU": 0.5, "nothing": .nan]
    config.training = training
    return (head, config)
  }

  private func write(
    _ config: HeadConfig, _ store: ParameterStore, to name: String = "head"
  ) throws -> String {
    let path = folder.file(name)
    try HeadFolder.write(
      config, parameters: store.parameters.map { ($0.name, $0.value) },
      card: HeadCard(config).markdown(title: name), to: path)
    return path
  }

  private func complaint(_ body: () throws -> Void) -> String {
    (#expect(throws: ModelError.self) { try body() }).map { "\($0)" } ?? ""
  }

  @Test("reads a segmentation head as it was written")
  func segmentationHead() throws {
    let (head, config) = try segmentation()
    let path = try write(config, head.parameters)

    let read = try HeadFolder(path: path)
    let maps = try [Tensor.randn([2, 16, 3, 4], generator: Generator(seed: 1))]
    let reread = try read.segmentationHead()
    let got = try reread(maps).floats()

    #expect(try got == head(maps).floats())
    #expect(read.config.classes == config.classes && read.config.task == .segmentation)
    #expect(read.config.training?.metrics == ["held_out_mIoU": 0.5])
    #expect(read.config.training?.seed == .max && read.config.preprocessing.resize == 64)
    #expect(try folder.contents("head") == ["README.md", "config.json", "model.safetensors"])
    let card = try String(contentsOfFile: path + "/README.md", encoding: .utf8)
    #expect(card.contains("räume\\|x") && card.contains("tiny (width 16, 2 blocks"))
  }

  @Test("reads depth heads as they were written", arguments: ["linear", "dpt"])
  func depthHeads(kind: String) throws {
    let generator = try Generator(seed: 2)
    let blocks = kind == "dpt" ? [0, 1, 2, 3] : [0, 1]
    var deep = model.config
    deep.depth = 4
    let noted = HeadBackbone(
      name: "deep", deep, fingerprint: "0", blocks: blocks, normalize: false)
    let taps = try blocks.map { _ in
      try FeatureTap(
        maps: .randn([1, 16, 3, 2], generator: generator),
        clsToken: .randn([1, 16], generator: generator))
    }
    let head: any DepthHead
    let config: HeadConfig
    if kind == "dpt" {
      var sizes = DPTDepthHeadConfig(embedDim: 16)
      (sizes.channels, sizes.maxDepth) = (8, 4.5)
      head = try DPTDepthHead(sizes, in: ParameterScope(seed: 1))
      config = try HeadConfig(.depth, type: kind, sizes: sizes, backbone: noted)
    } else {
      var sizes = LinearDepthHeadConfig(embedDim: 16, taps: 2)
      sizes.maxDepth = 7.25
      sizes.bins?.count = 32
      head = try LinearDepthHead(sizes, in: ParameterScope(seed: 1))
      config = try HeadConfig(.depth, type: kind, sizes: sizes, backbone: noted)
    }

    let read = try HeadFolder(path: write(config, head.parameters)).depthHead()

    // Convolutions sum in another order where numbers lie at other addresses.
    let difference = try (read(taps) - head(taps)).abs().max().item()
    #expect(difference < 1e-5)
    #expect(read.range == head.range && read.taps == head.taps)
  }

  @Test("reads a classifier as it was written")
  func classifier() throws {
    let sizes = LinearClassifierConfig(layers: 1, classes: 2)
    var config = try HeadConfig(
      .classification, type: "linear", sizes: sizes, backbone: backbone())
    config.classes = ["a", "b"]
    let weight = try Tensor.randn([2, 32], generator: Generator(seed: 4))
    try HeadFolder.write(
      config, parameters: [("weight", weight), ("bias", .ones([2]))], card: "",
      to: folder.file("head"))

    let read = try HeadFolder(path: folder.file("head")).classifier()

    #expect(read.classes == 2 && read.layers == 1 && read.labels == [0: "a", 1: "b"])
  }

  @Test("refuses another backbone and another task, and says what fits")
  func otherBackbone() throws {
    let (head, config) = try segmentation()
    let read = try HeadFolder(path: write(config, head.parameters))
    try read.check(.segmentation, for: backbone([0]))

    let task = complaint { try read.check(.depth, for: backbone()) }
    #expect(task.contains("segmentation") && task.contains("depth"))

    var wide = try backbone()
    (wide.name, wide.embedDim, wide.fingerprint) = ("dinov2_vits14", 384, "f")
    let width = complaint { try read.check(.segmentation, for: wide) }
    #expect(width.contains("tiny") && width.contains("dinov2_vits14") && width.contains("384"))
    #expect(width.contains("--model tiny"))

    var changed = try backbone()
    changed.fingerprint = try VisionTransformer(model.config, in: ParameterScope(seed: 9))
      .fingerprint()
    let weights = complaint { try read.check(.segmentation, for: changed) }
    #expect(weights.contains("weights have changed"))
  }

  @Test("a fingerprint is that of the values, whatever form they are stored in")
  func fingerprint() throws {
    let print = try model.fingerprint()
    let again = try model.fingerprint()
    #expect(print.count == 32 && print == again)
    for (name, form) in [
      ("meta.pth", WeightForm(.meta)), ("hf.safetensors", WeightForm(.huggingFace)),
      ("timm.safetensors", WeightForm(.timm)),
    ] {
      _ = try ModelFile.write(model, to: folder.file(name), as: form)
      let read = try ModelFile.load(folder.file(name), numHeads: 2).model
      #expect(try read.fingerprint() == print, "\(name)")
    }
    var weights = model.stateDict
    let changed = try #require(weights["blocks.1.mlp.fc2.bias"]).clone()
    try changed.narrow(dim: 0, 3..<4).fill(1.25)
    weights["blocks.1.mlp.fc2.bias"] = changed
    let other = try VisionTransformer(model.config, in: ParameterScope(seed: 0))
    try other.parameters.load(weights)
    #expect(try other.fingerprint() != print)
  }

  @Test("tells heads from models and lists them in order")
  func listing() throws {
    let (head, config) = try segmentation()
    for name in ["heads/b", "heads/a"] {
      try HeadFolder.write(
        config, parameters: head.parameters.parameters.map { ($0.name, $0.value) }, card: "",
        to: folder.file(name))
    }
    try ModelFolder.write(model, to: folder.file("heads/model"))
    try folder.write("heads/c/config.json", Array("{".utf8))

    let paths = HeadFolder.list(in: folder.file("heads"))

    #expect(paths == [folder.file("heads/a"), folder.file("heads/b")])
    #expect(HeadFolder.list(in: paths[0]) == [paths[0]])
    #expect(HeadFolder.list(in: folder.file("absent")).isEmpty)
    #expect(!HeadFolder.exists(at: folder.file("heads/model")))
  }

  /// A change to `config.json` and a word of the complaint about it.
  static let damages: [(change: String, from: String, to: String, says: String)] = [
    ("unknown member", #""task""#, #""tusk" : 1, "task""#, "tusk"),
    ("unknown size", #""classes" : 3"#, #""classes" : 3, "klasses" : 3"#, "klasses"),
    ("task", #""segmentation""#, #""segmentions""#, "task"),
    ("missing member", #""name" : "tiny","#, "", "backbone.name"),
    ("type of a size", #""embed_dim" : 16"#, #""embed_dim" : "16""#, "backbone.embed_dim"),
    ("version", #""format_version" : 1"#, #""format_version" : 2"#, "version 2"),
    ("huge width", #""embed_dim" : 16"#, #""embed_dim" : 9223372036854775807"#, "size"),
    (
      "huge registers", #""num_register_tokens" : 0"#,
      #""num_register_tokens" : 9223372036854775807"#, "size"
    ),
    ("no such block", "[\n      1\n    ]", "[\n      7\n    ]", "blocks"),
    ("class twice", #""floor""#, #""wall""#, "twice"),
    ("std", "0.224", "0", "std"),
    ("no JSON", "{", "[", "JSON"),
  ]

  @Test("refuses configurations that are damaged or contradict themselves", arguments: damages)
  func damage(change: String, from: String, to: String, says: String) throws {
    let (head, config) = try segmentation()
    let path = try write(config, head.parameters)
    let file = path + "/config.json"
    var text = try String(contentsOfFile: file, encoding: .utf8)
    let place = try #require(text.range(of: from), "\(text)")
    text.replaceSubrange(place, with: to)
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))

    let message = complaint { _ = try HeadFolder(path: path).segmentationHead() }

    #expect(message.contains(says) && message.contains("config.json"), "\(message)")
    #expect(!message.contains("\n"))
  }

  @Test("refuses weights that are not those of the configuration")
  func otherWeights() throws {
    let (head, config) = try segmentation()
    let path = try write(config, head.parameters)
    let other = try LinearSegmentationHead(head.config, in: ParameterScope(seed: 4))
    let second = try write(config, other.parameters, to: "second")
    try FileManager.default.removeItem(atPath: path + "/model.safetensors")
    let missing = complaint { _ = try HeadFolder(path: path) }
    try FileManager.default.copyItem(
      atPath: second + "/model.safetensors", toPath: path + "/model.safetensors")
    let swapped = complaint { _ = try HeadFolder(path: path) }

    #expect(missing.contains("model.safetensors") && swapped.contains("other weights"))
  }

  @Test("refuses sizes that do not fit the weights or the backbone")
  func contradictions() throws {
    let (head, config) = try segmentation()
    let values = head.parameters.parameters.map { ($0.name, $0.value) }
    func message(_ change: (inout HeadConfig) throws -> Void) throws -> String {
      var changed = config
      try change(&changed)
      let path = folder.file("wrong")
      try HeadFolder.write(changed, parameters: values, card: "", to: path)
      return complaint { _ = try HeadFolder(path: path).segmentationHead() }
    }

    let blocks = try message { $0.backbone.blocks = [0, 1] }
    let classes = try message { $0.classes = ["one"] }
    let task = try message { $0.task = .depth }
    let weights = try message { changed in
      let sizes = LinearSegmentationHeadConfig(embedDim: 16, taps: 1, classes: 2)
      changed = try HeadConfig(.segmentation, type: "linear", sizes: sizes, backbone: backbone())
      changed.classes = ["a", "b"]
    }

    #expect(blocks.contains("channels") && classes.contains("1 are named"))
    #expect(task.contains("depth") && weights.contains("conv_seg.weight is [3, 16, 1, 1]"))
  }

  @Test("replaces a head whole, and leaves nothing of a configuration that is refused")
  func replacing() throws {
    let (head, config) = try segmentation()
    let path = try write(config, head.parameters)
    let other = try LinearSegmentationHead(head.config, in: ParameterScope(seed: 4))
    _ = try write(config, other.parameters)
    #expect(
      try HeadFolder(path: path).segmentationHead().parameters["conv_seg.weight"]?.value.floats()
        == other.parameters["conv_seg.weight"]?.value.floats())

    var wrong = config
    wrong.classes = []
    #expect(throws: ModelError.self) { try write(wrong, head.parameters, to: "none") }
    #expect(!FileManager.default.fileExists(atPath: folder.file("none")))
    #expect(try folder.contents() == ["head"])
  }
}
