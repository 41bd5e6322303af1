internal import CheckpointFormats
public import DINOData
internal import FoundationEssentials

/// A folder of described images that can be searched.
///
/// `catalogue.sqlite` knows the images and where their descriptors lie, `segment-….npy` hold the
/// descriptors, `index-….faiss` an approximate index if there is one. ``GalleryUpdate`` makes and
/// changes them.
public struct Gallery: Sendable {
  /// An image that was found.
  public struct Match: Sendable, Equatable {
    /// The path as it was given when the gallery was built.
    public let name: RawPath
    /// The absolute path.
    public let location: RawPath
    /// The cosine similarity, -1 to 1.
    public let similarity: Float

    /// The image; nil if its file, or the shard that held it, is gone.
    public var reference: ImageReference? {
      if location.isRegularFile { return ImageReference(file: location) }
      // Only a member of a shard is left; a name that looks like a pattern must not be expanded.
      guard location.text.contains(".tar/") else { return nil }
      return (try? ImageInputs([location]))?.references.first { $0.name == location }
    }
  }

  /// The folder.
  public let folder: String
  /// How the images were described.
  public let settings: GallerySettings
  /// The descriptors, row by row.
  public let matrix: EmbeddingMatrix
  /// The catalogue's number of the image of each row.
  let ids: [Int]
  /// Where each row lies.
  let places: [GalleryRecord.Place]
  /// The index that the catalogue names.
  let index: GalleryCatalogue.IndexEntry?

  /// The number of images.
  public var count: Int { ids.count }

  /// The catalogue of a folder.
  static func catalogue(in folder: String) -> String { folder + "/catalogue.sqlite" }

  /// How the images of a gallery were described, without opening their descriptors.
  ///
  /// - Parameter folder: The folder.
  /// - Returns: The settings.
  /// - Throws: ``GalleryError`` if there is no gallery, or its catalogue is damaged.
  public static func settings(of folder: String) throws(GalleryError) -> GallerySettings {
    try GalleryCatalogue(opening: catalogue(in: folder)).settings()
  }

  /// Opens a gallery.
  ///
  /// - Parameter folder: The folder.
  /// - Throws: ``GalleryError`` if there is none, or a file of it is damaged.
  public init(_ folder: String) throws(GalleryError) {
    let catalogue = try GalleryCatalogue(opening: Self.catalogue(in: folder))
    let settings = try catalogue.settings()
    let segments = GallerySegments(folder: folder, columns: settings.columns)
    let found = try catalogue.snapshot { files, places, indexes in
      let used = Set(places.map(\.place.segment))
      var tensors: [Int: StoredTensor] = [:]
      for file in files where used.contains(file.id) { tensors[file.id] = try segments.open(file) }
      return (
        matrix: try segments.matrix(places.map(\.place), in: tensors), places: places,
        index: indexes.first
      )
    }
    self.folder = folder
    self.settings = settings
    matrix = found.matrix
    ids = found.places.map(\.id)
    places = found.places.map(\.place)
    index = found.index
  }

  /// The images of rows.
  ///
  /// - Parameter neighbours: For each query the rows that were found, most similar first.
  /// - Returns: For each query the images.
  /// - Throws: ``GalleryError`` if the catalogue cannot be read.
  public func matches(_ neighbours: [[Neighbour]]) throws(GalleryError) -> [[Match]] {
    let catalogue = try GalleryCatalogue(opening: Self.catalogue(in: folder))
    let wanted = Set(neighbours.flatMap { $0.map { ids[$0.row] } })
    let records = try catalogue.records(wanted.sorted())
    var result: [[Match]] = []
    for found in neighbours {
      var matches: [Match] = []
      for neighbour in found {
        // An image that was taken out since the gallery was opened is no longer there to be found.
        guard let record = records[ids[neighbour.row]] else { continue }
        matches.append(
          Match(
            name: record.name, location: record.location, similarity: neighbour.similarity))
      }
      result.append(matches)
    }
    return result
  }

  /// The row of an image that is in the gallery, if it is unchanged or its file is gone.
  ///
  /// - Parameter path: Its path, or its name as it was given.
  /// - Returns: The row; nil if the gallery does not know the image, or its file was changed.
  /// - Throws: ``GalleryError`` if the catalogue cannot be read.
  public func row(of path: RawPath) throws(GalleryError) -> Int? {
    let catalogue = try GalleryCatalogue(opening: Self.catalogue(in: folder))
    var canonical = CanonicalPath()
    let location = canonical.location(of: path)
    guard let record = try catalogue.record(at: location, named: path), let place = record.place
    else { return nil }
    if let stamp = FileStamp(ImageReference(file: path)), stamp != record.stamp { return nil }
    return places.firstIndex(of: place)
  }
}
