import DINOTestSupport
import Testing

@testable import DINOHub

@Suite("HubError")
struct HubErrorTests {
  @Test("every message is one line that says what to do")
  func messages() {
    #expect(
      HubError.unknownModel(name: "dinov2\nx", nearest: "dinov2_vits14").description
        == "unknown model \"dinov2 x\"; did you mean dinov2_vits14? `dinov2 models list` shows all "
        + "names")
    #expect(
      HubError.unknownModel(name: "x", nearest: nil).description
        == "unknown model \"x\"; `dinov2 models list` shows all names")
    #expect(
      HubError.builtWithoutDownloads(what: "dinov2_vits14", url: "https://a/b").description
        == "dinov2_vits14 is not on this machine and this program was built without downloads: "
        + "build it with the package trait Hub (`swift build --traits Hub`), or download https://a/b "
        + "yourself and pass --weights FILE")
    #expect(
      HubError.network(url: "https://a/b", problem: "no byte came for 30 s").description
        == "https://a/b: no byte came for 30 s; check the network and try again (what was "
        + "downloaded is kept), or download the file yourself and pass --weights FILE")
    #expect(
      HubError.diskFull(path: "/c/x", needed: 1_000, available: 10).description
        == "/c/x: the disk is full: 1000 bytes are needed and 10 are free; free some space and try "
        + "again (what was downloaded is kept), or move the cache (TORCH_HOME, HF_HOME)")
    #expect(
      HubError.refused(url: "https://a/b", status: 503, advice: "wait").description
        == "https://a/b: the server answered 503 (failure of the server); wait")
    #expect(
      HubError.stopped(what: "x.pth").description
        == "x.pth: stopped; what was downloaded is kept and the next try goes on from there")
  }

  @Test(
    "categories are the exit codes of the program",
    arguments: [
      (HubError.unknownModel(name: "x", nearest: nil), 2), (.settings(problem: "x"), 2),
      (.builtWithoutDownloads(what: "x", url: "y"), 2),
      (.offline(what: "x", folder: "y", url: "z"), 5),
      (.refused(url: "x", status: 404, advice: "y"), 5), (.network(url: "x", problem: "y"), 5),
      (.answer(url: "x", problem: "y"), 5), (.damaged(path: "x", problem: "y"), 5),
      (.diskFull(path: "x", needed: 1, available: 0), 5), (.system(path: "x", problem: "y"), 5),
      (.stopped(what: "x"), 75),
    ] as [(HubError, Int32)])
  func categories(error: HubError, code: Int32) {
    #expect(error.category.rawValue == code)
  }

  @Test("a full disk is told apart from other failures of the system")
  func fullDisk() throws {
    let folder = try TemporaryFolder()
    let full = HubError.system(folder.file("x"), doing: "cannot be written", code: 28)  // ENOSPC
    let other = HubError.system("/x", doing: "cannot be written", code: 13)  // EACCES

    guard case .diskFull(_, 0, let available) = full else { throw TestFailure("\(full)") }
    #expect(available > 0)
    #expect(other == .system(path: "/x", problem: "cannot be written: Permission denied"))
  }
}
