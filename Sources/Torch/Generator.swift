internal import CTorch

/// A stream of random numbers with a state of its own; there is no global one.
///
/// The numbers are those of PyTorch's generator of the same seed on the same device.
public final class Generator {
  let handle: OpaquePointer
  /// Where the numbers are drawn.
  public let device: Device

  /// Creates a stream.
  ///
  /// - Parameters:
  ///   - seed: Equal seeds give equal numbers.
  ///   - device: Where the numbers are drawn.
  /// - Throws: ``TorchError`` if the device does not exist.
  public init(seed: UInt64, device: Device = .cpu) throws(TorchError) {
    var made: OpaquePointer?
    try checked("generator") {
      ct_generator_make(device.typeAndIndex.type, device.typeAndIndex.index, seed, &made, $0)
    }
    guard let made else { throw TorchError("generator", "was not made") }
    handle = made
    self.device = device
  }

  deinit {
    ct_generator_release(handle)
  }

  /// The state as bytes, to be stored in a checkpoint.
  ///
  /// - Returns: A tensor of uint8.
  /// - Throws: ``TorchError`` if libtorch cannot give it.
  public func state() throws(TorchError) -> Tensor {
    var state: OpaquePointer?
    try checked("generator state") { ct_generator_state(handle, &state, $0) }
    guard let state else { throw TorchError("generator state", "was not given") }
    return Tensor(owning: state)
  }

  /// Continues from a stored state.
  ///
  /// - Parameter state: What ``state()`` returned.
  /// - Throws: ``TorchError`` if it is not a state of this kind of generator.
  public func restore(_ state: Tensor) throws(TorchError) {
    try checked("generator state", operands: [state.typeDescription]) {
      ct_generator_set_state(handle, state.handle, $0)
    }
  }
}
