import ArgumentParser
import DINOInference
import Foundation
import Imaging
import Kernels
import Telemetry
import Torch

/// `dinov2 doctor`: what is installed, what is used, what is missing.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Say what is installed, which processor path is used, and what is missing.",
    discussion: "Example: dinov2 doctor")

  @Flag(help: "Print one JSON object.")
  var json = false

  private struct Finding: Encodable {
    let subject: String
    let isFine: Bool
    let found: String
    let remedy: String?
  }

  func run() async throws {
    let findings = Self.tensorEngine() + Self.processor() + Self.images() + Self.storage()
    if json { return try Console.printJSON(findings) }
    let terminal = Terminal.standardOutput
    for finding in findings {
      let mark =
        finding.isFine ? terminal.styled("ok     ", .green) : terminal.styled("missing", .yellow)
      let subject = finding.subject.padding(toLength: 18, withPad: " ", startingAt: 0)
      Console.print("\(mark)  \(subject)  \(finding.found)")
      if let remedy = finding.remedy { Console.print("                             → \(remedy)") }
    }
  }

  private static func tensorEngine() -> [Finding] {
    let devices = Device.cudaDeviceCount
    return [
      Finding(
        subject: "libtorch", isFine: true,
        found: "\(TorchRuntime.version), \(TorchRuntime.cpuCapability) kernels, "
          + "oneDNN \(TorchRuntime.hasOneDNN ? "yes" : "no")", remedy: nil),
      Finding(
        subject: "CUDA", isFine: true,
        found: devices > 0
          ? "\(devices) device\(devices == 1 ? "" : "s")" : "no device; the processor is used",
        remedy: nil),
    ]
  }

  private static func processor() -> [Finding] {
    let path = TorchRuntime.mklPath
    return [
      Finding(
        subject: "inference kernels", isFine: ProcessorLevel.best != .portable,
        found: ProcessorLevel.best.name,
        remedy: ProcessorLevel.best == .portable
          ? "a processor with AVX2 is several times as fast" : nil),
      Finding(
        subject: "MKL path", isFine: path != .switchedOff, found: path.rawValue,
        remedy: path == .switchedOff ? "unset DINOV2_MKL_AMD" : nil),
      Finding(
        subject: "bfloat16", isFine: true,
        found: TorchRuntime.supportsBFloat16
          ? "computed by this processor"
          : "not computed by this processor: --precision bf16 rounds weights and computes in fp32",
        remedy: nil),
      Finding(
        subject: "threads", isFine: true,
        found: "\(TorchRuntime.threadCount) of \(ProcessInfo.processInfo.activeProcessorCount) "
          + "cores (OMP_NUM_THREADS or --threads changes it)", remedy: nil),
    ]
  }

  private static func images() -> [Finding] {
    let missing = ImageFormat.allCases.filter { !ImageDecoder.canDecode($0) }
    let names = missing.map(\.rawValue).joined(separator: ", ")
    return [
      Finding(
        subject: "image formats", isFine: missing.isEmpty,
        found: missing.isEmpty ? "all \(ImageFormat.allCases.count)" : "all but \(names)",
        remedy: missing.isEmpty
          ? nil : "install libvips with \(names) (Debian: apt-get install libvips42)")
    ]
  }

  private static func storage() -> [Finding] {
    let folder = FileManager.default.currentDirectoryPath
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder)
    let free = (attributes?[.systemFreeSize] as? NSNumber)?.intValue ?? 0
    let isEnough = free > 2_000_000_000
    return [
      Finding(
        subject: "free disk here", isFine: isEnough, found: "\(ByteCount(free))",
        remedy: isEnough ? nil : "weights of the larger models need up to 4.5 GB")
    ]
  }
}
