internal import CheckpointFormats
internal import FoundationEssentials

/// What a gallery knows of its approximate index.
public struct GalleryIndex: Sendable, Equatable, Codable, CustomStringConvertible {
  /// How it was made.
  public let recipe: IndexRecipe
  /// How much is looked at in a search, and what is found with it.
  public let tuning: ApproximateIndex.Tuning
  /// What it consists of, for people.
  public let summary: String

  /// For example `ivf, 64 lists; effort 8 finds 96.1 % of the 10 nearest`.
  public var description: String { "\(recipe.kind.rawValue), \(summary); \(tuning)" }
}

extension GalleryIndex {
  /// Reads what the catalogue says.
  init(_ entry: GalleryCatalogue.IndexEntry, in folder: String) throws(GalleryError) {
    do {
      self = try JSONDecoder().decode(GalleryIndex.self, from: Data(entry.settings.utf8))
    } catch {
      throw .damaged(
        path: Gallery.catalogue(in: folder),
        problem: "what it says of its index cannot be read; make it anew with --index-type")
    }
  }

  /// What the catalogue says of the index.
  func encoded() throws(GalleryError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    do { return String(decoding: try encoder.encode(self), as: UTF8.self) } catch {
      throw .usage(problem: "the index cannot be described: \(error)")
    }
  }

  /// A hash of where descriptors lie, which tells an index of other rows.
  static func checksum(of places: [GalleryRecord.Place]) -> String {
    var hash = ContentHash()
    for place in places {
      hash.add(UInt64(place.segment))
      hash.add(UInt64(place.row))
    }
    return hash.text
  }
}

extension Gallery {
  /// The approximate index, if the gallery has one.
  ///
  /// - Returns: The index and what is known of it.
  /// - Throws: ``GalleryError/damaged(path:problem:)`` if its file is not as it was written, or was made
  ///   of other rows.
  public func approximateIndex() throws(GalleryError) -> (ApproximateIndex, GalleryIndex)? {
    guard let entry = index else { return nil }
    let remedy =
      "make it anew with 'dinov2 search build INPUT... --index-type TYPE', or search "
      + "with --exact"
    let path = folder + "/" + entry.file
    let known = try GalleryIndex(entry, in: folder)
    guard entry.places == GalleryIndex.checksum(of: places), entry.rows == count else {
      throw .damaged(path: path, problem: "was made of other rows than the gallery has; \(remedy)")
    }
    let file: FileBytes
    do throws(CheckpointError) { file = try FileBytes(path: path) } catch {
      throw .damaged(path: path, problem: "is missing or cannot be read; \(remedy)")
    }
    guard GallerySegments.checksum(file) == entry.checksum else {
      throw .damaged(path: path, problem: "its checksum is another one; \(remedy)")
    }
    let index = try GalleryError.curation { () throws(CurationError) in try ApproximateIndex(file) }
    guard index.facts.rows == matrix.rowCount, index.facts.columns == matrix.columns else {
      throw .damaged(
        path: path, problem: "holds \(index.facts.rows) rows of another kind; \(remedy)")
    }
    return (index, known)
  }
}

extension GalleryUpdate {
  /// Which approximate index a gallery shall have.
  public enum IndexChoice: Sendable, Equatable {
    /// The one that it has, made anew if rows changed.
    case asBefore
    /// None: searches compare with all rows.
    case none
    /// One of a recipe.
    case made(IndexRecipe)
  }

  /// Brings the approximate index in line with the descriptors.
  ///
  /// - Parameter choice: Which index.
  /// - Returns: The index; nil if the gallery has none. `isNew` tells whether it was made now.
  /// - Throws: ``GalleryError`` if it cannot be made or written.
  public func updateIndex(
    _ choice: IndexChoice
  ) throws(GalleryError) -> (index: GalleryIndex, isNew: Bool)? {
    let places = records.values.compactMap(\.place).sorted()
    let checksum = GalleryIndex.checksum(of: places)
    let entry = try catalogue.snapshot { _, _, indexes in indexes.first }
    let known = try entry.map { entry throws(GalleryError) in try GalleryIndex(entry, in: folder) }
    let recipe: IndexRecipe? =
      switch choice {
      case .asBefore: known?.recipe
      case .none: nil
      case .made(let recipe): recipe
      }
    guard let recipe, !places.isEmpty else {
      if entry != nil { try catalogue.change { try $0.set(nil) } }
      removeIndexes(except: nil)
      return nil
    }
    if let entry, let known, known.recipe == recipe, entry.places == checksum,
      (try? FileBytes(path: folder + "/" + entry.file)).map(GallerySegments.checksum)
        == entry.checksum
    {
      removeIndexes(except: entry.file)
      return (known, false)
    }
    let matrix = try segments.matrix(places, in: tensors)
    let (index, tuning) = try GalleryError.curation { () throws(CurationError) in
      let index = try ApproximateIndex(matrix, recipe)
      return (index, try index.tuned(for: matrix, recipe))
    }
    let result = GalleryIndex(recipe: recipe, tuning: tuning, summary: "\(index.facts)")
    // A name that no other index has: until the catalogue names it, the old one stays whole.
    var hash = ContentHash()
    hash.add(checksum)
    hash.add(try result.encoded())
    let name = "index-\(hash.text.prefix(16)).faiss"
    let path = folder + "/" + name
    let written = try GalleryError.curation { () throws(CurationError) in
      try index.write(to: path)
      return try CurationError.files { () throws(CheckpointError) in
        GallerySegments.checksum(try FileBytes(path: path))
      }
    }
    let made = GalleryCatalogue.IndexEntry(
      settings: try result.encoded(), file: name, checksum: written, rows: places.count,
      places: checksum)
    try catalogue.change { try $0.set(made) }
    removeIndexes(except: name)
    return (result, true)
  }

  /// Removes index files that the catalogue does not name.
  private func removeIndexes(except kept: String?) {
    let files = FileManager.default
    guard let names = try? files.contentsOfDirectory(atPath: folder) else { return }
    for name in names
    where (name.hasPrefix("index-") || name.hasPrefix(".index-")) && name != kept {
      try? files.removeItem(atPath: folder + "/" + name)
    }
  }
}
