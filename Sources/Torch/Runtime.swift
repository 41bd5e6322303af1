internal import CTorch
internal import Glibc

private let bfloat16Check = Operator("mkldnn::_is_mkldnn_bf16_supported")

/// What libtorch is and does in this process.
public enum TorchRuntime {
  /// libtorch's version, `2.13.0`.
  public static var version: String { String(cString: ct_version()) }

  /// The kernels that libtorch chose for this processor: `AVX512`, `AVX2`, `DEFAULT`.
  public static var cpuCapability: String { String(cString: ct_cpu_capability()) }

  /// Whether oneDNN is part of this libtorch: packed linear layers need it.
  public static var hasOneDNN: Bool { ct_has_mkldnn() }

  /// Whether oneDNN computes in bfloat16 on this processor.
  public static let supportsBFloat16: Bool = {
    guard ct_has_mkldnn(), case .bool(let supported)? = try? bfloat16Check([]).first else {
      return false
    }
    return supported
  }()

  /// Which processor path MKL takes.
  public enum MKLPath: String, Sendable {
    /// An Intel processor: MKL's own choice.
    case native = "native"
    /// AMD with AVX2 or more: MKL chooses as on an Intel processor.
    case amd = "Intel's, on AMD"
    /// Another processor: MKL's generic path.
    case generic = "generic"
    /// AMD with AVX2 or more, but the environment has `DINOV2_MKL_AMD=0`.
    case switchedOff = "generic (switched off by DINOV2_MKL_AMD=0)"
  }

  /// Which processor path MKL takes.
  public static var mklPath: MKLPath {
    switch ct_mkl_path_taken() {
    case CT_MKL_NATIVE: .native
    case CT_MKL_AMD: .amd
    case CT_MKL_SWITCHED_OFF: .switchedOff
    default: .generic
    }
  }

  /// The number of threads that one operation uses.
  public static var threadCount: Int {
    get { Int(ct_thread_count()) }
    set { ct_set_thread_count(Int32(clamping: newValue)) }
  }

  /// Whether only algorithms with a fixed order of sums are used; operations that have none then fail.
  ///
  /// On the host all that this package uses have one.
  public static var usesDeterministicAlgorithms: Bool {
    get { ct_deterministic() }
    set { ct_set_deterministic(newValue) }
  }

  /// The largest memory of the process so far, in bytes.
  public static var peakResidentBytes: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }

  /// The largest memory of tensors on a device so far, in bytes; 0 on the host.
  public static func peakBytes(on device: Device) -> Int {
    let (type, index) = device.typeAndIndex
    return device == .cpu ? 0 : Int(ct_device_peak_bytes(type, index))
  }
}
