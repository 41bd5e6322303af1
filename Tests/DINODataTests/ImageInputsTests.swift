import DINOData
import DINOTestSupport
import Foundation
import Testing

@Suite("Image inputs")
struct ImageInputsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The names below the folder.
  private func expand(_ arguments: String...) throws -> [String] {
    try ImageInputs.expand(arguments).map { relative($0.name) }
  }

  private func relative(_ name: RawPath) -> String {
    let prefix = Array(folder.path.utf8) + [0x2F]
    return RawPath(bytes: Array(name.bytes.dropFirst(prefix.count))).displayName
  }

  private func failure(_ arguments: String...) -> DataError? {
    let error = #expect(throws: DataError.self) { try ImageInputs.expand(arguments) }
    #expect(error?.description.contains("\n") == false)
    return error
  }

  @Test("takes a folder as a tree in byte order, without hidden and other files")
  func expandsFolder() throws {
    for name in ["b.JPG", "B.png", "a/2.webp", "a.jpg", "a/10.tiff", ".h.jpg", ".d/x.jpg", "n.txt"]
    {
      try folder.write(name, [1])
    }
    try folder.write("sniffed", [0xFF, 0xD8, 0xFF, 0xE0])
    try folder.write("text", Array("no image".utf8))

    #expect(
      try expand(folder.path) == ["B.png", "a.jpg", "a/10.tiff", "a/2.webp", "b.JPG", "sniffed"])
    #expect(try expand(folder.path + "/") == expand(folder.path))
  }

  @Test("takes single files whatever their names, in the order given")
  func expandsFiles() throws {
    try folder.write("z.jpg", [1])
    try folder.write("a.xyz", [1])

    #expect(try expand(folder.file("z.jpg"), folder.file("a.xyz")) == ["z.jpg", "a.xyz"])
  }

  @Test("keeps names of every byte, and reads them")
  func keepsNames() throws {
    var names: [[UInt8]] = (1...255).filter { $0 != 47 }.map { [0x61, UInt8($0)] }
    names.append([UInt8](repeating: 0x78, count: 251))
    for (index, name) in names.enumerated() {
      let path = RawPath(folder.path).bytes + [0x2F] + name + Array(".jpg".utf8) + [0]
      let file = path.withUnsafeBufferPointer { buffer in
        buffer.withMemoryRebound(to: CChar.self) { fopen($0.baseAddress!, "w") }
      }
      try #require(file != nil)
      putc(Int32(index % 256), file)
      fclose(file)
    }

    let found = try ImageInputs.expand([folder.path])

    #expect(found.count == names.count)
    #expect(
      Set(found.map { Array($0.name.lastComponent.dropLast(4)) }) == Set(names))
    #expect(found.map(\.name) == found.map(\.name).sorted())
    for reference in found {
      let index = try #require(
        names.firstIndex(of: Array(reference.name.lastComponent.dropLast(4))))
      #expect(try reference.bytes() == [UInt8(index % 256)])
      #expect(RawPath(escaped: reference.displayName) == reference.name)
    }
  }

  @Test("reads lists, by lines and by NUL")
  func readsLists() throws {
    try folder.write("a.jpg", [1])
    try folder.write("new\nline.jpg", [1])
    try folder.write("d/b.jpg", [1])
    let lines = "\(folder.file("d"))\r\n\n\(folder.file("a.jpg"))\n"
    try folder.write("list.txt", Array(lines.utf8))
    let zeros = "\(folder.file("new\nline.jpg"))\0\(folder.file("a.jpg"))\0"
    try folder.write("zeros.txt", Array(zeros.utf8))

    #expect(try expand("@" + folder.file("list.txt")) == ["d/b.jpg", "a.jpg"])
    #expect(try expand("@" + folder.file("zeros.txt")) == ["new\\x0aline.jpg", "a.jpg"])

    try folder.write("missing.txt", Array("\(folder.file("a.jpg"))\n\(folder.file("no.jpg"))".utf8))
    let error = failure("@" + folder.file("missing.txt"))
    #expect(error?.category == .inputOutput)
    #expect(error?.description.contains("line 2") == true)
    try folder.write("empty.txt", [0x0A])
    #expect(failure("@" + folder.file("empty.txt"))?.category == .unusableDataSet)
  }

  @Test("expands patterns that the shell left alone")
  func expandsPatterns() throws {
    for name in ["a1.jpg", "a2.jpg", "a3.txt", "d/b.png"] { try folder.write(name, [1]) }

    #expect(try expand(folder.file("a*")) == ["a1.jpg", "a2.jpg"])
    #expect(try expand(folder.file("a{2..1}.jpg")) == ["a2.jpg", "a1.jpg"])
    #expect(try expand(folder.file("{d,a?.jpg}")) == ["d/b.png", "a1.jpg", "a2.jpg"])
    #expect(failure(folder.file("*.gif"))?.category == .unusableDataSet)
    #expect(failure(folder.file("*.txt"))?.category == .unusableDataSet)
    #expect(failure(folder.file("a{1..4}.jpg"))?.category == .inputOutput)
  }

  @Test("prefers a file whose name looks like a pattern")
  func prefersExistingFiles() throws {
    for name in ["[a].jpg", "a.jpg", "{x,y}.jpg", "@at.jpg"] { try folder.write(name, [1]) }

    #expect(try expand(folder.file("[a].jpg")) == ["[a].jpg"])
    #expect(try expand(folder.file("{x,y}.jpg")) == ["{x,y}.jpg"])
  }

  @Test("follows links once and ends on loops", .timeLimit(.minutes(1)))
  func followsLinks() throws {
    try folder.write("z/real.jpg", [1])
    try folder.write("outside.jpg", [1])
    func link(_ name: String, to target: String) throws {
      try FileManager.default.createSymbolicLink(
        atPath: folder.file(name), withDestinationPath: target)
    }
    try link("z/loop", to: "..")
    try link("a", to: "z")
    try link("f.jpg", to: "outside.jpg")
    try link("dangling.jpg", to: "nowhere")
    try link("circle.jpg", to: "circle.jpg")
    #expect(mkfifo(folder.file("pipe.jpg"), 0o600) == 0)

    #expect(try expand(folder.path) == ["f.jpg", "outside.jpg", "z/real.jpg"])
    #expect(try expand(folder.file("a")) == ["a/loop/f.jpg", "a/loop/outside.jpg", "a/real.jpg"])
    #expect(failure(folder.file("pipe.jpg"))?.category == .refusedInput)
  }

  @Test("refuses trees that are too deep")
  func refusesDeepTrees() throws {
    try folder.write(String(repeating: "d/", count: 70) + "x.jpg", [1])

    #expect(failure(folder.path)?.category == .unusableDataSet)
  }

  @Test("says in one line what is missing or empty")
  func reportsProblems() throws {
    try folder.write("empty/n.txt", [1])

    #expect(failure(folder.file("none.jpg"))?.category == .inputOutput)
    #expect(failure(folder.file("none\nsuch"))?.category == .inputOutput)
    #expect(failure(folder.file("empty"))?.category == .unusableDataSet)
    #expect(failure()?.category == .usage)
    #expect(failure("")?.category == .usage)
  }

  @Test("reports a file that vanished, and one that is too large")
  func reportsUnreadableFiles() throws {
    try folder.write("a.jpg", [1, 2, 3])
    let reference = try #require(try ImageInputs.expand([folder.path]).first)

    #expect(try reference.bytes(limit: 3) == [1, 2, 3])
    #expect(throws: DataError.self) { try reference.bytes(limit: 2) }
    try FileManager.default.removeItem(atPath: folder.file("a.jpg"))
    let error = #expect(throws: DataError.self) { try reference.bytes() }
    #expect(error?.category == .inputOutput)
  }

  @Test("keeps files that may not be read, so that they are reported")
  func keepsUnreadableFiles() throws {
    for name in ["a.jpg", "noextension"] {
      let path = try folder.write(name, [1])
      #expect(chmod(path, 0) == 0)
    }
    try folder.write("b.jpg", [1])
    // The administrator may read everything: then the one without extension is looked into.
    let found = try expand(folder.path)
    #expect(found == (geteuid() == 0 ? ["a.jpg", "b.jpg"] : ["a.jpg", "b.jpg", "noextension"]))
  }

  @Test("reads shards, their classes, and members by name")
  func readsShards() throws {
    var tar = TarBuilder()
    tar.add("train/cat/1.x.jpg", [1])
    tar.add("train/cat/1.x.cls", Array("3\n".utf8))
    tar.add("train/dog/2.jpg", [2])
    tar.add("train/cow/3.jpg", [3])
    tar.add("train/cow/3.cls", Array("bull".utf8))
    tar.add("train/cow/._4.jpg", [3])
    tar.add("README.txt", [4])
    try folder.write("s-0.tar", tar.finished)
    try folder.write("s-1.tar", tar.finished)

    let found = try ImageInputs.expand([folder.file("s-{0..1}.tar")])

    #expect(found.count == 6)
    #expect(
      found.prefix(3).map { relative($0.name) } == [
        "s-0.tar/train/cat/1.x.jpg", "s-0.tar/train/dog/2.jpg", "s-0.tar/train/cow/3.jpg",
      ])
    #expect(found.prefix(3).map(\.classIndex) == [3, nil, nil])
    #expect(found.prefix(3).map(\.className) == ["cat", "dog", "bull"])
    #expect(try found[4].bytes() == [2])
    #expect(try expand(folder.path) == found.map { relative($0.name) })
    #expect(try ImageInputs.expand([found[4].name.text]) == [found[4]])
    #expect(failure(folder.file("s-0.tar/none.jpg"))?.category == .unusableDataSet)
    #expect(failure(folder.file("s-{0..2}.tar"))?.category == .inputOutput)
  }

  @Test("never opens a file by a member's name")
  func staysInsideArchives() throws {
    var tar = TarBuilder()
    tar.add("../../../../etc/passwd.jpg", [7])
    tar.add("/etc/hostname.jpg", [8])
    try folder.write("t.tar", tar.finished)

    let found = try ImageInputs.expand([folder.file("t.tar")])

    #expect(try found.map { try $0.bytes() } == [[7], [8]])
  }
}
