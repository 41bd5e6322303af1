public import DINOData
internal import Foundation

/// Videos as folders of frames, with masks of their objects.
///
/// Two layouts are read, told apart by the folder `JPEGImages`:
///
/// - DAVIS: `ROOT/JPEGImages/480p/<video>/<frame>.jpg`, `ROOT/Annotations/480p/<video>/<frame>.png`, and
///   the videos of a split, one a line, in `ROOT/ImageSets/2017/<split>.txt`. The folder of the resolution
///   and the one of the year may be missing; without `ImageSets` all videos are taken.
/// - plain: `ROOT/<video>/images/<frame>.*` and `ROOT/<video>/masks/<frame>.png`.
///
/// Frames are in byte order of their names; a mask has the name of its frame.
public struct VideoSet: Sendable {
  /// One frame.
  public struct Frame: Sendable, Equatable {
    /// The picture.
    public let image: ImageReference
    /// Its label map, if it has one.
    public let mask: ImageReference?
  }

  /// One video.
  public struct Video: Sendable, Equatable {
    /// The name of its folder.
    public let name: String
    /// The frames in order; the first one has a mask.
    public let frames: [Frame]
  }

  /// The videos in order.
  public let videos: [Video]

  /// Finds videos.
  ///
  /// - Parameters:
  ///   - root: The folder.
  ///   - split: The split of a DAVIS folder.
  ///   - resolution: The folder of the pictures' size in a DAVIS folder.
  /// - Throws: ``DataError`` if there is no video, the split does not exist, or a first frame has no mask.
  public init(
    _ root: String, split: String = "val", resolution: String = "480p"
  ) throws(DataError) {
    guard Self.isFolder(root) else {
      throw .system(
        path: RawPath(root).displayName,
        problem: "no such folder; name a folder of DAVIS or one with <video>/images and "
          + "<video>/masks")
    }
    let isDAVIS = Self.isFolder("\(root)/JPEGImages")
    videos =
      isDAVIS
      ? try Self.davis(root, split: split, resolution: resolution) : try Self.plain(root)
    guard !videos.isEmpty else {
      throw .unusable(
        place: RawPath(root).displayName,
        problem: isDAVIS
          ? "the split \(split) names no video"
          : "no video was found; expected JPEGImages and Annotations as in DAVIS, or "
            + "<video>/images and <video>/masks")
    }
  }

  private static func davis(
    _ root: String, split: String, resolution: String
  ) throws(DataError) -> [Video] {
    func base(_ kind: String) -> String {
      let inner = "\(root)/\(kind)/\(resolution)"
      return isFolder(inner) ? inner : "\(root)/\(kind)"
    }
    let names = try names(root, split: split) ?? subfolders(of: base("JPEGImages"))
    return try names.map { name throws(DataError) in
      try video(
        name, images: "\(base("JPEGImages"))/\(name)", masks: "\(base("Annotations"))/\(name)")
    }
  }

  private static func plain(_ root: String) throws(DataError) -> [Video] {
    try subfolders(of: root).filter { isFolder("\(root)/\($0)/images") }.map {
      name throws(DataError) in
      try video(name, images: "\(root)/\(name)/images", masks: "\(root)/\(name)/masks")
    }
  }

  /// The videos of a split; nil if the folder knows no splits.
  private static func names(_ root: String, split: String) throws(DataError) -> [String]? {
    let folder = "\(root)/ImageSets"
    guard isFolder(folder) else { return nil }
    let years = ["2017", "2016"].map { "\(folder)/\($0)" } + [folder]
    guard let list = years.map({ "\($0)/\(split).txt" }).first(where: isFile) else {
      let known = years.flatMap { entries(of: $0).filter { $0.hasSuffix(".txt") } }
      throw .unusable(
        place: RawPath(folder).displayName,
        problem: "there is no split \(split); there are "
          + (known.isEmpty ? "none" : known.map { String($0.dropLast(4)) }.joined(separator: ", ")))
    }
    let text = RawPath(
      bytes: try ImageReference(file: RawPath(list)).bytes(limit: 16 << 20)
    ).text
    let names = text.split(whereSeparator: \.isNewline)
      .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    // A list from anywhere must not lead out of the folder.
    if let odd = names.first(where: { $0.contains("/") || $0.hasPrefix(".") }) {
      throw .unusable(
        place: RawPath(list).displayName,
        problem: "names the video \(RawPath(odd).displayName); expected names of folders, "
          + "one a line")
    }
    return names
  }

  private static func video(
    _ name: String, images: String, masks: String
  ) throws(DataError) -> Video {
    let references = try ImageInputs.expand([images])
    let maskNames = Set(entries(of: masks))
    let frames = references.map { reference in
      let mask = reference.stem + ".png"
      return Frame(
        image: reference,
        mask: maskNames.contains(mask) ? ImageReference(file: RawPath("\(masks)/\(mask)")) : nil)
    }
    guard frames[0].mask != nil else {
      throw .unusable(
        place: RawPath(masks).displayName,
        problem: "there is no mask \(frames[0].image.stem).png for the first frame, which "
          + "shows what to track")
    }
    return Video(name: name, frames: frames)
  }

  // MARK: Folders

  private static func isFolder(_ path: String) -> Bool { kind(path) == .folder }

  private static func isFile(_ path: String) -> Bool { kind(path) == .file }

  private enum Kind { case file, folder }

  private static func kind(_ path: String) -> Kind? {
    var isFolder: ObjCBool = false
    guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      return nil
    }
    return isFolder.boolValue ? .folder : .file
  }

  /// The visible names in a folder in byte order; none if it cannot be read.
  private static func entries(of folder: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { !$0.hasPrefix(".") }.sorted { RawPath($0) < RawPath($1) }
  }

  private static func subfolders(of folder: String) -> [String] {
    entries(of: folder).filter { isFolder("\(folder)/\($0)") }
  }
}
