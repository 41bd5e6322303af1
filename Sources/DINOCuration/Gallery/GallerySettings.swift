public import DINOInference
public import Imaging

/// How the images of a gallery were described; queries are described in the same way.
public struct GallerySettings: Sendable, Equatable, Codable {
  /// The model, as it was named and by what it computes.
  public struct Model: Sendable, Equatable, Codable {
    /// Its name, for people.
    public var name: String
    /// How it was asked for; nil for the model that comes with the program.
    public var argument: String?
    /// The weight file that was named.
    public var weights: String?
    /// The number of attention heads that was named.
    public var numHeads: Int?
    /// What it makes of a fixed picture.
    public var probe: ModelProbe

    /// Describes a model.
    ///
    /// - Parameters:
    ///   - request: How it was asked for; paths in it become absolute.
    ///   - name: Its name.
    ///   - probe: What it makes of a fixed picture.
    public init(_ request: ModelRequest, name: String, probe: ModelProbe) {
      self.name = name
      argument = request.model.map(CanonicalPath.ifExisting)
      weights = request.weights.map(CanonicalPath.ifExisting)
      numHeads = request.numHeads
      self.probe = probe
    }
  }

  /// The model.
  public var model: Model
  /// Which tokens make the descriptor.
  public var recipe: DescriptorRecipe
  /// The length of the shorter side; nil leaves the size.
  public var resize: Int?
  /// The size of the centre crop; nil takes the whole image.
  public var crop: Size?
  /// Whether EXIF orientation is applied.
  public var appliesOrientation: Bool
  /// The number of values of a descriptor.
  public var columns: Int

  /// Describes how images are described.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - recipe: Which tokens make the descriptor.
  ///   - preprocessing: How an image becomes the model's input.
  ///   - appliesOrientation: Whether EXIF orientation is applied.
  ///   - embedDim: The width of the model's tokens.
  public init(
    _ model: Model, _ recipe: DescriptorRecipe, _ preprocessing: Preprocessing,
    appliesOrientation: Bool, embedDim: Int
  ) {
    self.model = model
    self.recipe = recipe
    resize = preprocessing.resize
    crop = preprocessing.crop
    self.appliesOrientation = appliesOrientation
    columns = recipe.columns(embedDim: embedDim)
  }

  /// The preprocessing.
  ///
  /// - Parameter patchSize: The side of the model's patches.
  /// - Returns: The preprocessing that the gallery was built with.
  public func preprocessing(patchSize: Int) -> Preprocessing {
    var result = Preprocessing(resize: resize, crop: crop)
    result.patchSize = patchSize
    return result
  }

  /// The decoder.
  public var decoder: ImageDecoder { ImageDecoder(appliesOrientation: appliesOrientation) }

  /// What differs in the way images are described, besides the model; nil if nothing does.
  func difference(from other: GallerySettings) -> String? {
    func text(_ settings: GallerySettings) -> String {
      let size = settings.resize.map { "shorter side \($0)" } ?? "own size"
      let crop = settings.crop.map { "centre \($0)" } ?? "whole image"
      return [
        settings.recipe.text, size, crop, settings.appliesOrientation ? "EXIF orientation" : "",
      ].filter { !$0.isEmpty }.joined(separator: ", ")
    }
    let (own, others) = (text(self), text(other))
    return own == others && columns == other.columns ? nil : "\(own) instead of \(others)"
  }
}
