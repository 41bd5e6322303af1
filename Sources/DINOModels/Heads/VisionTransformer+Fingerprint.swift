internal import CheckpointFormats
public import Torch

extension VisionTransformer {
  /// What tells these weights from others: equal for equal values, whatever file form they came in.
  ///
  /// A hash of names, shapes and float32 values. The mask token, which only training uses and some
  /// forms leave out, does not count.
  ///
  /// - Returns: 32 hexadecimal digits.
  /// - Throws: `TorchError` if a value cannot be read.
  public func fingerprint() throws(TorchError) -> String {
    var hash = ContentHash()
    for (name, value) in stateDict.sorted(by: { $0.key < $1.key }) where name != "mask_token" {
      let host = try value.detached().to(dtype: .float32).to(device: .cpu).contiguous()
      hash.add(name)
      for size in host.shape { hash.add(UInt64(size)) }
      try unsafe host.withHostBytes { bytes throws(TorchError) in
        unsafe hash.add(UnsafeRawBufferPointer(bytes))
      }
    }
    return hash.text
  }
}
