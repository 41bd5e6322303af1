#if Hub
/// A file of a repository at Hugging Face.
struct HubFile: Sendable {
  let name: String
  /// Whether the repository must have it.
  let isNeeded: Bool
  /// The branch, tag or commit to ask for.
  let revision: String

  /// What the server says about a file before it sends it.
  struct Header: Sendable {
    let commit: String
    /// SHA-256 of a large file, git's hash of a small one; the name of the blob.
    let tag: String
    let size: Int?
  }

  /// The files that a model consists of.
  static func names(at source: WeightSource) -> [(name: String, isNeeded: Bool)] {
    switch source {
    case .meta: []
    case .huggingFace:
      [("config.json", true), ("preprocessor_config.json", false), ("model.safetensors", true)]
    case .timm: [("config.json", true), ("model.safetensors", true)]
    }
  }
}

extension FileDownloader {
  /// Asks for commit, tag and size of a file, with the same patience as for its bytes.
  func header(of request: FetchRequest) async throws(HubError) -> HubFile.Header {
    var head = request
    head.isHead = true
    var failures = 0
    while true {
      do throws(FetchFailure) {
        return try HubFile.Header(try await fetcher.send(head))
      } catch {
        failures += 1
        guard error.isTransient, failures < retries.maxFailures else { throw error.error }
        let delay = retries.delay(
          after: failures, asked: error.retryAfter, jitter: Double.random(in: 0...1))
        let name = request.address.display.split(separator: "/").last.map { String($0) } ?? ""
        onEvent(.retrying(file: name, reason: error.error.description, delay: delay))
        do { try await Task.sleep(for: delay) } catch { throw .stopped(what: name) }
      }
    }
  }
}

extension HubFile.Header {
  /// Reads the headers; those of the repository's own host go before those of the host of large files.
  fileprivate init(_ response: FetchResponse) throws(FetchFailure) {
    func failure(_ problem: String) -> FetchFailure {
      FetchFailure(
        error: .answer(
          url: response.address.display,
          problem: problem
            + "; the server is not Hugging Face or a mirror of it: check HF_ENDPOINT, "
            + "or " + HTTPFetcher.usualAdvice))
    }
    let commit = response.header("x-repo-commit", inRedirects: true) ?? ""
    guard HuggingFaceRepository.isCommit(commit) else {
      throw failure("the answer has no commit in X-Repo-Commit")
    }
    let linked = response.header("x-linked-etag", inRedirects: true)
    var tag = (linked ?? response.header("etag") ?? "")[...]
    if tag.hasPrefix("W/") { tag = tag.dropFirst(2) }
    let name = tag.filter { $0 != "\"" }
    guard HuggingFaceRepository.isBlobName(name) else {
      throw failure("the answer has no usable ETag or X-Linked-Etag")
    }
    let size =
      response.header("x-linked-size", inRedirects: true)
      ?? (linked == nil ? response.header("content-length") : nil)
    self.init(commit: commit, tag: name, size: size.flatMap { Int($0) })
  }
}
#endif
