import DINOTestSupport
import Foundation
import Testing

@testable import DINOHub

@Suite("PartialFile")
struct PartialFileTests {
  private let test: HubTestFolder
  private var folder: TemporaryFolder { test.folder }

  init() throws { test = try HubTestFolder() }

  @Test("bytes and tag are there for the next process")
  func continues() async throws {
    let first = try PartialFile(path: folder.file("x.incomplete"))
    _ = try await first.append([1, 2])
    try await first.setTag("\"v1\"")

    let second = try PartialFile(path: folder.file("x.incomplete"))
    #expect(await second.count == 2)
    #expect(await second.tag() == "\"v1\"")
    #expect(try await second.append([3]) == 3)
    #expect(try await second.sha256() == HubTestFolder.sha256([1, 2, 3]))
  }

  @Test("committing leaves the file under its name and nothing else")
  func commits() async throws {
    let file = try PartialFile(path: folder.file("x.incomplete"))
    _ = try await file.append([1, 2])
    try await file.setTag("\"v1\"")

    try await file.commit(to: folder.file("x"))

    #expect(try test.tree("") == ["x"])
    #expect(try test.bytes(folder.file("x")) == [1, 2])
  }

  @Test("a commit that fails keeps the bytes")
  func commitFails() async throws {
    let file = try PartialFile(path: folder.file("x.incomplete"))
    _ = try await file.append([1, 2])

    await #expect(throws: HubError.self) { try await file.commit(to: folder.file("none/x")) }

    #expect(try test.tree("") == ["x.incomplete"])
  }

  @Test("restarting forgets bytes and tag")
  func restarts() async throws {
    let file = try PartialFile(path: folder.file("x.incomplete"))
    _ = try await file.append([1, 2])
    try await file.setTag("\"v1\"")

    try await file.restart()
    #expect(try await file.append([9]) == 1)

    #expect(await file.tag() == nil)
    #expect(try test.bytes(folder.file("x.incomplete")) == [9])
  }

  @Test("a link in the place of the file is not followed")
  func link() throws {
    try FileSystem.link(folder.file("x.incomplete"), to: "elsewhere")

    #expect(throws: HubError.self) { try PartialFile(path: folder.file("x.incomplete")) }
  }

  @Test("the full device gives the error of a full disk")
  func fullDevice() async throws {
    let file = try PartialFile(path: "/dev/full")

    let error = await #expect(throws: HubError.self) { _ = try await file.append([1]) }

    guard case .diskFull = error else { throw TestFailure("\(error as Any)") }
    #expect(await file.count == 0)
  }
}

@Suite("FileSystem")
struct FileSystemTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("folders are made with those above them, and again without an error")
  func folders() throws {
    try FileSystem.makeFolder(folder.file("a/b/c"))
    try FileSystem.makeFolder(folder.file("a/b/c"))
    try FileSystem.writeText("x", to: folder.file("a/b/c/x"))

    #expect(FileSystem.readText(folder.file("a/b/c/x")) == "x")
  }

  @Test("a file in the place of a folder is an error that names it")
  func fileInTheWay() throws {
    try folder.write("a", [1])

    #expect(
      throws: HubError.system(
        path: folder.file("a"), problem: "the folder cannot be made: File exists")
    ) { try FileSystem.makeFolder(folder.file("a")) }
  }

  @Test("a link replaces what had its name")
  func links() throws {
    try folder.write("x", [1])

    try FileSystem.link(folder.file("x"), to: "y")
    try FileSystem.link(folder.file("x"), to: "y")
    try FileSystem.link(folder.file("x"), to: "z")

    #expect(FileSystem.linkTarget(of: folder.file("x")) == "z")
    #expect(FileSystem.linkTarget(of: folder.path) == nil)
  }

  @Test("text that is too long or damaged is not read")
  func text() throws {
    try folder.write("long", Array(repeating: 65, count: 65_537))
    try folder.write("damaged", [0xFF, 0xFE])

    #expect(FileSystem.readText(folder.file("long")) == nil)
    #expect(FileSystem.readText(folder.file("damaged")) == nil)
    #expect(FileSystem.readText(folder.file("none")) == nil)
    #expect(FileSystem.readText(folder.path) == nil)
  }
}
