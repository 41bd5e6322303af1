internal import Crypto

/// A key whose value differs between two configurations.
public struct ConfigurationChange: Codable, Equatable, Sendable, CustomStringConvertible {
  /// The dotted key.
  public let key: String
  /// The earlier value, as YAML.
  public let old: String
  /// The present value, as YAML.
  public let new: String
  /// Whether a run that goes on with it computes something else.
  public let changesMathematics: Bool

  /// For example `optim.base_lr: 0.004 → 0.002`.
  public var description: String { "\(key): \(old) → \(new)" }
}

extension TrainingConfig {
  /// Sections and keys that have no effect here.
  static let ignoredKeys = [
    "MODEL", "compute_precision", "train.saveckp_freq", "train.num_workers", "train.cache_dataset",
    "optim.lr",
  ]

  /// Sections and keys that change where, when or how fast, but not what is computed.
  private static let practicalKeys = [
    "evaluation", "train.output_dir", "train.checkpoint_period", "train.keep_checkpoints",
    "train.keep_every", "train.loader_threads", "train.cache_gb", "train.deterministic",
    "train.activation_checkpointing", "student.block_chunks",
  ]

  private static func lies(_ path: String, below keys: [String]) -> Bool {
    keys.contains { path == $0 || path.hasPrefix($0 + ".") }
  }

  private static func isMathematical(_ path: String) -> Bool {
    !lies(path, below: ignoredKeys) && !lies(path, below: practicalKeys)
  }

  /// SHA-256, in hexadecimal, over every value that changes what is computed.
  ///
  /// A run may be resumed under another configuration of the same hash: another folder, other
  /// threads, another checkpoint period.
  public var mathematicalHash: String {
    SHA256.hash(data: Array(mathematicalLines.joined().utf8))
      .map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
  }

  /// What ``mathematicalHash`` is made of.
  ///
  /// Whole decoding is not mentioned: runs that were begun before there was another go on.
  package var mathematicalLines: [String] {
    decided.tree.leaves().filter { leaf in
      Self.isMathematical(leaf.path)
        && !(leaf.path == "train.reduced_decoding" && leaf.value == .bool(false))
    }.map { "\($0.path)=\($0.value.text)\n" }.sorted()
  }

  /// The same configuration, but what it leaves to other settings is spelled out.
  private var decided: TrainingConfig {
    var config = self
    config.train.reducedDecoding = reducesDecoding
    return config
  }

  /// The keys whose values differ from those of an earlier configuration, in the order of the tree.
  ///
  /// - Parameter earlier: For example the one that a run was begun with.
  /// - Returns: The changes; keys without effect here are left out.
  public func changes(from earlier: TrainingConfig) -> [ConfigurationChange] {
    // What both leave to the same other setting is told by that setting.
    let (before, now) =
      train.reducedDecoding == earlier.train.reducedDecoding
      ? (earlier, self) : (earlier.decided, decided)
    return zip(before.tree.leaves(), now.tree.leaves()).compactMap { old, new in
      guard old.value != new.value, !Self.lies(new.path, below: Self.ignoredKeys) else {
        return nil
      }
      return ConfigurationChange(
        key: new.path, old: old.value.text, new: new.value.text,
        changesMathematics: Self.isMathematical(new.path))
    }
  }

  /// Values that were set, but are "accepted, without effect here".
  ///
  /// - Returns: `key: value` of keys that have no effect and differ from Meta's defaults, and of the
  ///   sizes of a patch head that is not separate.
  public func settingsWithoutEffect() -> [String] {
    var keys = Self.ignoredKeys
    if !ibot.separateHead {
      keys += ["n_prototypes", "bottleneck_dim", "nlayers", "hidden_dim"].map { "ibot.head_\($0)" }
    }
    return zip(TrainingConfig().tree.leaves(), tree.leaves()).compactMap { standard, leaf in
      guard standard.value != leaf.value, Self.lies(leaf.path, below: keys) else { return nil }
      return "\(leaf.path): \(leaf.value.text)"
    }
  }
}
