/// What a reader accepts beyond the strict default.
public struct CheckpointOptions: Sendable, Equatable {
  /// Whether unknown fields of a safetensors entry are ignored with a note instead of refused.
  public var isLenient = false
  /// Whether a tensor with an infinite value or a NaN is refused.
  public var requiresFinite = false
  /// Whether the checksums of a PyTorch zip file go unchecked.
  ///
  /// PyTorch can write files without them.
  public var ignoresChecksums = false
  /// Whether objects of a few known classes are kept as inert records.
  ///
  /// Training checkpoints of DINO and iBOT hold some beside the weights: `argparse.Namespace` and
  /// numpy scalars.
  public var acceptsForeignRecords = false
  /// The largest sum of all tensors' bytes, or nil for the larger of twice the file's size and 1 GiB.
  public var maximumTensorBytes: Int?

  /// The strict default.
  public init() {}
}
