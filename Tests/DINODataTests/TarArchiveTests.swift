import DINOData
import DINOTestSupport
import Testing

@Suite("Tar archives")
struct TarArchiveTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func archive(_ bytes: [UInt8]) throws -> TarArchive {
    try TarArchive(RawPath(folder.write("x.tar", bytes)))
  }

  private func refusal(_ bytes: [UInt8]) throws -> String {
    let path = try folder.write("bad.tar", bytes)
    let error = #expect(throws: DataError.self) { try TarArchive(RawPath(path)) }
    #expect(error?.category == .refusedInput)
    let message = error?.description ?? ""
    #expect(!message.contains("\n"))
    return message
  }

  @Test("lists regular files and reads them", arguments: [0, 1, 511, 512, 513, 5_000])
  func readsMembers(size: Int) throws {
    var tar = TarBuilder()
    let contents = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    tar.add("a", [], kind: "5")
    tar.add("./a/one.jpg", contents)
    tar.add("a/link", [], kind: "2")
    tar.add("a/two.jpg", [9, 8])

    let archive = try archive(tar.finished)

    #expect(archive.members.map(\.name) == ["a/one.jpg", "a/two.jpg"])
    #expect(try archive.contents(of: archive.members[0]) == contents)
    #expect(try archive.contents(of: archive.members[1]) == [9, 8])
  }

  @Test("joins the prefix, GNU long names and pax paths to names")
  func readsLongNames() throws {
    let long = String(repeating: "d/", count: 90) + "n.jpg"
    var tar = TarBuilder()
    tar.add("n.jpg", [1], prefix: "pre/fix")
    tar.add("././@LongLink", Array(long.utf8) + [0], kind: "L")
    tar.add("cut", [2])
    tar.addPax([("mtime", "1.5"), ("path", long + "é\n")])
    tar.add("cut", [3])
    tar.addPax([("comment", "global")], kind: "g")
    tar.add("plain", [4])

    let names = try archive(tar.finished).members.map(\.name)

    #expect(names == ["pre/fix/n.jpg", RawPath(long), RawPath(long + "é\n"), "plain"])
  }

  @Test("takes the size from a pax header and from base 256")
  func readsLargeSizes() throws {
    var tar = TarBuilder()
    tar.addPax([("size", "3")])
    tar.add("a", [1, 2, 3], declaredSize: "00000000000")
    var header = [UInt8](repeating: 0, count: 512)
    header[0] = 0x62
    header[124] = 0x80
    header[135] = 2
    header[156] = 0x30
    tar.add(header: header, [7, 8])

    let archive = try archive(tar.finished)

    #expect(archive.members.map(\.size) == [3, 2])
    #expect(try archive.contents(of: archive.members[1]) == [7, 8])
  }

  @Test("passes over sparse files")
  func skipsSparseFiles() throws {
    var tar = TarBuilder()
    tar.addPax([("GNU.sparse.major", "1"), ("GNU.sparse.name", "s")])
    tar.add("GNUSparseFile/s", [1, 2, 3])
    var old = [UInt8](repeating: 0, count: 512)
    old[0] = 0x73
    for (index, byte) in "00000001000".utf8.enumerated() { old[124 + index] = byte }
    old[156] = UInt8(ascii: "S")
    old[482] = 1
    tar.add(header: old, [UInt8](repeating: 0, count: 512) + [UInt8](repeating: 5, count: 512))
    tar.add("after", [4])

    #expect(try archive(tar.finished).members.map(\.name) == ["after"])
  }

  @Test("accepts an archive without closing blocks, and a cut last padding")
  func acceptsMissingEnd() throws {
    var tar = TarBuilder()
    tar.add("a", [1, 2, 3])

    #expect(try archive(tar.bytes).members.count == 1)
    #expect(try archive(Array(tar.bytes.prefix(515))).members.count == 1)
  }

  @Test("says that an archive is truncated, wherever it was cut")
  func refusesTruncation() throws {
    var tar = TarBuilder()
    tar.add("a", [UInt8](repeating: 1, count: 700))
    tar.addPax([("path", "b")])
    tar.add("cut", [1])
    let whole = tar.bytes
    // Cuts that leave whole members are no damage that a reader can see.
    for length in stride(from: 1, to: whole.count, by: 37)
    where !(1_212...1_536).contains(length) && length <= whole.count - 511 {
      #expect(try refusal(Array(whole.prefix(length))).contains("truncated"), "\(length)")
    }
  }

  @Test("refuses sizes that do not fit", arguments: ["77777777777", "99999999999", "-0000000001"])
  func refusesSizes(size: String) throws {
    var tar = TarBuilder()
    tar.add("a", [1], declaredSize: size)

    #expect(try refusal(tar.finished).contains("offset 0"))
  }

  @Test("refuses sizes beyond the integers")
  func refusesHugeBase256() throws {
    var header = [UInt8](repeating: 0, count: 512)
    header[0] = 0x61
    for index in 124..<136 { header[index] = 0xFF }
    header[124] = 0x80
    header[156] = 0x30
    var tar = TarBuilder()
    tar.add(header: header, [])
    _ = try refusal(tar.finished)

    for index in 124..<128 { header[index] = index == 124 ? 0x80 : 0 }
    header[128] = 0x7F
    tar = TarBuilder()
    tar.add(header: header, [])
    #expect(try refusal(tar.finished).contains("truncated"))
  }

  @Test(
    "refuses damaged pax headers",
    arguments: [
      "8 path=a\n", "x path=a\n", "99999999999999999999 a=b\n", "5 path", "6 path\n", "0 a=b\n",
    ])
  func refusesPax(text: String) throws {
    var tar = TarBuilder()
    tar.add("p", Array(text.utf8), kind: "x")
    tar.add("a", [1])

    #expect(try refusal(tar.finished).contains("pax"))
  }

  @Test("refuses what is no archive")
  func refusesOtherFiles() throws {
    #expect(try refusal([]).contains("empty"))
    #expect(try refusal([UInt8](repeating: 65, count: 4_096)).contains("no tar archive"))
    #expect(try refusal([0x1F, 0x8B] + [UInt8](repeating: 1, count: 600)).contains("compressed"))
  }

  @Test("survives flipped bytes: lists or refuses")
  func survivesDamage() throws {
    var tar = TarBuilder()
    tar.addPax([("path", "long"), ("size", "5")])
    tar.add("a", [1, 2, 3, 4, 5])
    tar.add("L", Array("name".utf8), kind: "L")
    tar.add("b", [1])
    let whole = tar.finished
    var random = Xorshift()
    var refused = 0
    for round in 0..<600 {
      // Rebuild the checksum of every second archive, so that damage gets past it.
      var bytes = whole
      let place = round.isMultiple(of: 2) ? 124 + Int.random(in: 0..<34, using: &random) : round * 4
      bytes[place % bytes.count] = UInt8.random(in: 0...255, using: &random)
      if round.isMultiple(of: 2) {
        var again = TarBuilder()
        again.add(header: Array(bytes[..<512]), [])
        bytes.replaceSubrange(..<512, with: again.bytes)
      }
      let path = try folder.write("f.tar", bytes)
      do throws(DataError) {
        let archive = try TarArchive(RawPath(path))
        for member in archive.members { _ = try archive.contents(of: member) }
      } catch {
        refused += 1
        #expect(error.category == .refusedInput)
      }
    }
    #expect(refused > 0)
  }

  @Test("notices that an archive was shortened after it was indexed")
  func noticesShortening() throws {
    var tar = TarBuilder()
    tar.add("a.jpg", [UInt8](repeating: 1, count: 2_000))
    let path = try folder.write("s.tar", tar.finished)
    let archive = try TarArchive(RawPath(path))
    try folder.write("s.tar", Array(tar.finished.prefix(1_000)))

    let error = #expect(throws: DataError.self) { try archive.contents(of: archive.members[0]) }
    #expect(error?.description.contains("shortened") == true)
  }
}
