internal import CTorch

/// Where a tensor lives and where its operations run.
public enum Device: Hashable, Sendable, CustomStringConvertible {
  /// Host memory and the processor.
  case cpu
  /// One NVIDIA GPU, counted from 0.
  case cuda(Int)
  /// No memory at all: shapes only.
  case meta

  /// Whether libtorch can use a CUDA device here; opens its CUDA library on first use.
  public static var cudaIsAvailable: Bool { cudaDeviceCount > 0 }

  /// The number of CUDA devices; 0 when libtorch's CUDA library is not installed.
  public static let cudaDeviceCount: Int = {
    if !ct_has_cuda() { try? checked("load CUDA") { ct_load_cuda($0) } }
    return Int(ct_cuda_device_count())
  }()

  /// `cpu`, `cuda:0` or `meta`.
  public var description: String {
    switch self {
    case .cpu: "cpu"
    case .cuda(let index): "cuda:\(index)"
    case .meta: "meta"
    }
  }

  var typeAndIndex: (type: Int32, index: Int32) {
    switch self {
    case .cpu: (0, -1)
    case .cuda(let index): (1, Int32(clamping: index))
    case .meta: (14, -1)
    }
  }

  init(type: Int32, index: Int32) {
    self =
      switch type {
      case 1: .cuda(Int(index))
      case 14: .meta
      default: .cpu
      }
  }
}
