extension ImageReference {
  /// The name without folders and ending, as text.
  package var stem: String {
    let name = RawPath(bytes: self.name.lastComponent).text
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return name }
    return String(name[..<dot])
  }
}
