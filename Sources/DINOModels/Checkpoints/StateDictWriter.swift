internal import CheckpointFormats
public import Torch

/// Writes a backbone's weights in the form of another library.
public enum StateDictWriter {
  static func write(_ m: VisionTransformer, as s: KeyStyle, to p: String) throws(ModelError) -> [String] { [] }
}
