import ArgumentParser
import DINOInference
import DINOModels
import Foundation
import Torch

/// Which model a command runs, and how.
struct ModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A released model's name (dinov2_vits14, facebook/dinov2-small, …), a model folder, a run "
        + "folder or a weight file; the small model that comes along if left out.",
      valueName: "model"))
  var model: String?

  @Option(
    help: ArgumentHelp(
      "The weight file of a named model: .pth or .safetensors, keys as Meta's, Hugging Face's or "
        + "timm's.", valueName: "file"), completion: .file())
  var weights: String?

  @Flag(help: "Fill the named model with random weights, to measure speed.")
  var randomWeights = false

  @Option(help: "Attention heads of a weight file without a name, if not the width / 64.")
  var heads: Int?

  @Option(help: "auto, cpu, cuda or cuda:N.")
  var device = "auto"

  /// ``ModelRequest/Precision`` as an argument.
  enum Precision: String, CaseIterable, ExpressibleByArgument {
    case fp32, bf16
  }

  @Option(help: "Precision of the forward pass.")
  var precision = Precision.fp32

  @Option(help: "Threads of the forward pass; all cores if left out.")
  var threads: Int?

  /// The request that the options make.
  func request() throws -> ModelRequest {
    var request = ModelRequest(model, weights: weights)
    request.randomSeed = randomWeights ? 0 : nil
    request.numHeads = heads
    request.device = try chosenDevice()
    request.precision = .init(rawValue: precision.rawValue) ?? .float32
    if let threads, !(1...1024).contains(threads) {
      throw UsageError("--threads is \(threads); expected 1 to 1024")
    }
    request.threads = threads
    if !randomWeights, weights == nil, let model, let name = ModelName(model) {
      request.weights = CachedWeights.path(of: name)
    }
    return request
  }

  /// Loads the model.
  ///
  /// - Parameter head: The folder of a head that shall be applied: one that was trained together with its
  ///   backbone brings it along, which is taken if no other is named.
  /// - Returns: The model.
  /// - Throws: ``UsageError`` or `InferenceError` if there is no such model or it cannot be loaded.
  func load(forHead head: String? = nil) async throws -> DINOv2 {
    var options = self
    if let head, model == nil, weights == nil {
      let backbone = "\(head)/\(HeadFolder.backboneName)"
      if FileManager.default.fileExists(atPath: backbone) { options.model = backbone }
    }
    return try await DINOv2.load(options.request())
  }

  /// Loads a model folder, to be run as the options say.
  ///
  /// - Parameter folder: Its path.
  /// - Returns: The model.
  /// - Throws: ``UsageError`` or `InferenceError` if it cannot be loaded.
  func load(folder: String) async throws -> DINOv2 {
    var options = self
    (options.model, options.weights, options.randomWeights) = (folder, nil, false)
    return try await options.load()
  }

  private func chosenDevice() throws -> Device {
    switch device {
    case "cpu": return .cpu
    case "auto": return Device.cudaIsAvailable ? .cuda(0) : .cpu
    case "cuda": return try cuda(0)
    default:
      guard device.hasPrefix("cuda:"), let index = Int(device.dropFirst(5)), index >= 0 else {
        throw UsageError("--device is \(device); expected auto, cpu, cuda or cuda:N")
      }
      return try cuda(index)
    }
  }

  private func cuda(_ index: Int) throws -> Device {
    guard index < Device.cudaDeviceCount else {
      throw UsageError(
        "--device \(device): \(Device.cudaDeviceCount) CUDA devices are usable here; "
          + "'dinov2 doctor' says what is missing")
    }
    return .cuda(index)
  }
}
