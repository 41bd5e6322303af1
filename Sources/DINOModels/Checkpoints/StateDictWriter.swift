internal import CheckpointFormats
internal import Torch

/// Writes a backbone's weights into one file in the form of another library.
public enum StateDictWriter {
  /// Writes a weight file, which appears when it is complete.
  ///
  /// - Parameters:
  ///   - model: The backbone.
  ///   - form: Whose names, which numbers, what around them.
  ///   - path: A name that ends in `.safetensors`, `.pth` or `.bin`; a file that exists is replaced.
  /// - Returns: What the file cannot hold, one line each.
  /// - Throws: ``ModelError`` if the ending is another one, the form is contradictory, a number is
  ///   too large for the type, or the file cannot be written.
  public static func write(
    _ model: VisionTransformer, as form: WeightForm, to path: String
  ) throws(ModelError) -> [String] {
    let container = try WeightContainer(path: path)
    try check(form, container, path)
    var (tensors, losses) = try tensors(of: model, as: form, path: path)
    losses += model.config.lossesOfFile(as: form.style)
    do throws(CheckpointError) {
      switch container {
      case .safetensors: try Safetensors.write(tensors, to: path)
      case .torch: try TorchFile.write(tree(tensors, form), to: path)
      }
    } catch { throw .checkpoint(error) }
    return losses
  }

  private static func check(
    _ form: WeightForm, _ container: WeightContainer, _ path: String
  ) throws(ModelError) {
    let isTraining = form.isTeacherCheckpoint || form.blockChunks != 0
    guard !isTraining || form.style == .meta else {
      throw .unsupported(
        format: path, problem: "only Meta's training wraps a teacher or groups blocks")
    }
    guard !form.isTeacherCheckpoint || container == .torch else {
      throw .unsupported(
        format: path,
        problem: "a safetensors file holds no dictionary in a dictionary, as a teacher checkpoint "
          + "is: use .pth")
    }
  }

  private static func tree(
    _ tensors: [(name: String, tensor: StoredTensor)], _ form: WeightForm
  ) -> TorchValue {
    guard form.isTeacherCheckpoint else { return .stateDictionary(tensors) }
    let backbone = tensors.map { (name: "backbone." + $0.name, tensor: $0.tensor) }
    return .dictionary([(key: "teacher", value: .stateDictionary(backbone))])
  }

  /// The tensors by the names of the form, in alphabetical order, and what is lost on the way.
  static func tensors(
    of model: VisionTransformer, as form: WeightForm, path: String
  ) throws(ModelError) -> (tensors: [(name: String, tensor: StoredTensor)], losses: [String]) {
    do {
      let named = try KeyMap.chunked(
        model.stateDict, depth: model.config.depth, chunks: form.blockChunks)
      var (exported, losses) = try KeyMap.export(named, to: form.style)
      var stored: [(name: String, tensor: StoredTensor)] = []
      var rounded = 0
      for name in exported.keys.sorted() {
        guard let exact = exported.removeValue(forKey: name) else { continue }
        let written = try StoredTensor(sharing: exact.to(dtype: form.elementType.dtype))
        switch try effect(of: written, on: exact) {
        case .none: break
        case .rounding: rounded += 1
        case .overflow:
          throw ModelError.unsupported(
            format: path,
            problem: "\(name) holds numbers too large for \(form.elementType.rawValue): choose "
              + "float32 or bfloat16")
        }
        stored.append((name, written))
      }
      if rounded > 0 {
        losses.append(
          "precision: \(rounded) of \(stored.count) tensors are rounded to "
            + form.elementType.rawValue)
      }
      return (stored, losses)
    } catch {
      throw ModelError(error, path: path)
    }
  }

  private enum ConversionEffect {
    case none
    case rounding
    case overflow
  }

  /// What became of a tensor's numbers in another type.
  private static func effect(
    of written: StoredTensor, on exact: Tensor
  ) throws -> ConversionEffect {
    guard let dtype = exact.dtype, dtype.stored != written.scalarType else { return .none }
    let original = try StoredTensor(sharing: exact)
    guard written.nonFiniteCount() == original.nonFiniteCount() else { return .overflow }
    let back = try StoredTensor(sharing: Tensor(written).to(dtype: dtype))
    return back.hasSameBits(as: original) ? .none : .rounding
  }
}

extension WeightForm.ElementType {
  /// The tensor type.
  var dtype: DType {
    switch self {
    case .float32: .float32
    case .float16: .float16
    case .bfloat16: .bfloat16
    }
  }
}

extension VisionTransformerConfig {
  /// What a bare weight file does not say, and its readers therefore take from elsewhere.
  func lossesOfFile(as style: KeyStyle) -> [String] {
    var losses = lossOfInterpolation(as: style).map { [$0] } ?? []
    if headDim != 64 {
      losses.append(
        "num_heads \(numHeads): no weight file says it; whoever loads this one has to know")
    }
    return losses
  }

  /// How a library resizes the positions of a model whatever this model does, if that differs.
  func lossOfInterpolation(as style: KeyStyle) -> String? {
    let theirs: PosEmbedInterpolation =
      switch (style, numRegisterTokens > 0) {
      case (.timm, _): .timm
      case (_, true): .metaRegisters
      case (.meta, false): .meta
      case (.huggingFace, false): .huggingFace
      }
    guard theirs != posEmbedInterpolation else { return nil }
    return "how positions are resized: \(style.library) does it \(theirs.words), this model "
      + "\(posEmbedInterpolation.words); features differ slightly unless images have "
      + "\(imageSize) × \(imageSize) pixels"
  }
}

extension PosEmbedInterpolation {
  /// The setting in words, for messages.
  var words: String {
    (antialias ? "with antialiasing" : "without antialiasing")
      + (offset == 0 ? "" : " and with offset \(offset)")
  }
}
