import CheckpointFormats
import DINOModels
import DINOTestSupport
import Testing
import Torch

@Suite("DenseHeadFile")
struct DenseHeadFileTests {
  private func write(
    _ shapes: [String: [Int]], to folder: TemporaryFolder
  ) throws -> String {
    let path = folder.file("head.safetensors")
    let tensors = try shapes.map { name, shape in
      (name: name, tensor: try StoredTensor(sharing: Tensor.ones(shape)))
    }
    try Safetensors.write(tensors, to: path)
    return path
  }

  @Test("finds out what the released files hold")
  func kinds() throws {
    let linear = Golden.named("eval/depth_pipeline_linear")
    let dpt = Golden.named("eval/depth_pipeline_dpt")
    let width = try linear.modelConfig().embedDim
    let taps = try linear.decodeConfig([Int].self, at: "layers").count
    let bins = try linear.decodeConfig(Int.self, at: "bins")

    let linearFile = try DenseHeadFile(
      path: linear.sideFile(linear.decodeConfig(String.self, at: "file")))
    let dptFile = try DenseHeadFile(path: dpt.sideFile(dpt.decodeConfig(String.self, at: "file")))

    #expect(linearFile.kind == .linearDepth(channels: 2 * width * taps, bins: bins))
    #expect(try dptFile.kind == .dptDepth(embedDim: dpt.modelConfig().embedDim))
    #expect(throws: ModelError.self) { try linearFile.depthHead(embedDim: width + 1) }
    #expect(throws: ModelError.self) { try dptFile.depthHead(embedDim: width + 1) }
    #expect(throws: ModelError.self) { try dptFile.segmentationHead(embedDim: width) }
  }

  @Test("takes bare names and whole segmentors; refuses what is missing or left over")
  func strictness() throws {
    let folder = try TemporaryFolder()
    let head: [String: [Int]] = [
      "bn.weight": [8], "bn.bias": [8], "bn.running_mean": [8], "bn.running_var": [8],
      "bn.num_batches_tracked": [], "conv_seg.weight": [3, 8, 1, 1], "conv_seg.bias": [3],
    ]
    let bare = try DenseHeadFile(path: write(head, to: folder)).segmentationHead(embedDim: 4)
    #expect(bare.taps == 2 && bare.config.classes == 3)

    var whole: [String: [Int]] = ["backbone.cls_token": [1, 1, 4]]
    for (name, shape) in head { whole["decode_head." + name] = shape }
    let file = try DenseHeadFile(path: write(whole, to: folder))
    #expect(try file.segmentationHead(embedDim: 8).taps == 1)
    #expect(file.notes == ["left out backbone"])

    whole["decode_head.bn.bias"] = nil
    whole["neck.weight"] = [2]
    let wrong = try DenseHeadFile(path: write(whole, to: folder))
    let error = #expect(throws: ModelError.self) { try wrong.segmentationHead(embedDim: 8) }
    let message = error.map { "\($0)" } ?? ""
    #expect(message.contains("missing bn.bias") && message.contains("unexpected neck.weight"))
    #expect(throws: ModelError.self) {
      try DenseHeadFile(path: write(["something": [1]], to: folder))
    }
    #expect(throws: ModelError.self) { try DenseHeadFile(path: folder.file("absent.pth")) }
  }
}
