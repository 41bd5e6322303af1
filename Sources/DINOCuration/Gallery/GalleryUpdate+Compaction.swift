internal import CheckpointFormats
internal import FoundationEssentials
internal import Torch

extension GalleryUpdate {
  /// More files than this are joined; every search opens all of them.
  private static let mostSmallFiles = 64

  /// Joins small files, and files with many rows that no image has any more.
  ///
  /// - Parameter force: Whether all files are written anew.
  /// - Throws: ``GalleryError`` if a file cannot be written.
  func compact(force: Bool) throws(GalleryError) {
    var used: [Int: [GalleryRecord]] = [:]
    for record in records.values {
      if let place = record.place { used[place.segment, default: []].append(record) }
    }
    let chosen = force ? Set(files.keys) : filesToJoin(used.mapValues(\.count))
    guard !chosen.isEmpty else { return }
    var rows = chosen.flatMap { used[$0] ?? [] }
    rows.sort { one, other in
      guard let first = one.place, let second = other.place else { return false }
      return first < second
    }
    var written: [GalleryCatalogue.Segment] = []
    for start in stride(from: 0, to: rows.count, by: GallerySegments.most) {
      let part = start..<min(start + GallerySegments.most, rows.count)
      let matrix = try segments.matrix(rows[part].compactMap(\.place), in: tensors)
      let values = try GalleryError.curation { () throws(CurationError) in
        try CurationError.tensors(try matrix.block(0..<part.count).floats)
      }
      let id = takeSegment()
      written.append(try segments.write(values, id: id))
      for (row, index) in part.enumerated() { rows[index].place = .init(segment: id, row: row) }
    }
    let (all, new, old) = (rows, written, Array(chosen))
    try catalogue.change { changes in
      for segment in new { try changes.add(segment) }
      for record in all { try changes.put(record) }
      try changes.removeSegments(old)
    }
    for id in old { (files[id], tensors[id]) = (nil, nil) }
    for segment in written {
      files[segment.id] = segment
      tensors[segment.id] = try segments.open(segment)
    }
    for record in rows { records[record.location] = record }
    segments.removeAll(except: Set(files.keys))
  }

  private func filesToJoin(_ used: [Int: Int]) -> Set<Int> {
    // A file of which a quarter is not used, and one that is not used at all.
    var chosen = Set(
      files.values.filter { file in 4 * (used[file.id] ?? 0) < 3 * file.rows }.map(\.id))
    let small = files.values.filter { $0.rows < GallerySegments.most / 2 }
    if small.count > Self.mostSmallFiles { chosen.formUnion(small.map(\.id)) }
    return chosen
  }
}
