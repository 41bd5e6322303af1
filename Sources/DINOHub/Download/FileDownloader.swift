#if Hub
/// One file to download, and how its completeness is known.
struct FileDownload: Sendable {
  /// The name in messages and events.
  var name: String
  var request: FetchRequest
  /// The path of the complete file.
  var destination: String
  var lockPath: String
  /// Whether the file of the lock goes away in the end.
  var hasTemporaryLock: Bool
  /// The size in bytes, if the server has announced it.
  var size: Int?
  /// SHA-256, or its first digits.
  var sha256: String?
}

/// Downloads files: goes on with what is there, tries again, checks, and puts in place.
struct FileDownloader {
  let fetcher: HTTPFetcher
  let retries: RetryPolicy
  let onEvent: @Sendable (PullEvent) -> Void

  /// Downloads a file unless it is there already.
  func run(_ download: FileDownload) async throws(HubError) {
    let lock = try await FileLock.acquire(
      download.lockPath, isTemporary: download.hasTemporaryLock,
      onWait: { onEvent(.waiting(file: download.name)) })
    // Whoever held the lock has probably completed the file.
    if !FileSystem.isFile(download.destination) {
      let file = try PartialFile(path: download.destination + ".incomplete")
      try await complete(file, download)
      try await file.commit(to: download.destination)
    }
    withExtendedLifetime(lock) {}
    onEvent(.finished(file: download.name, path: download.destination))
  }

  private func complete(_ file: PartialFile, _ download: FileDownload) async throws(HubError) {
    var hasOldBytes = await file.count > 0
    while true {
      try await receive(file, download)
      do throws(HubError) {
        return try await check(file, download)
      } catch {
        guard case .damaged(_, let problem) = error else { throw error }
        guard hasOldBytes else {
          await file.discard()
          throw error
        }
        // The bytes of an earlier try may be the wrong ones: once more, from the beginning.
        hasOldBytes = false
        onEvent(.restarted(file: download.name, reason: problem))
        try await file.restart()
      }
    }
  }

  /// Tries until all bytes are here or the policy gives up.
  private func receive(_ file: PartialFile, _ download: FileDownload) async throws(HubError) {
    var failures = 0
    while true {
      let before = await file.count
      do throws(FetchFailure) {
        return try await Transfer(
          fetcher: fetcher, file: file, download: download, onEvent: onEvent
        )
        .run()
      } catch {
        let progress = await file.count - before
        failures = progress >= RetryPolicy.progressThatCounts ? 1 : failures + 1
        guard error.isTransient, failures < retries.maxFailures else { throw error.error }
        let delay = retries.delay(
          after: failures, asked: error.retryAfter, jitter: Double.random(in: 0...1))
        onEvent(
          .retrying(file: download.name, reason: error.error.description, delay: delay))
        do { try await Task.sleep(for: delay) } catch { throw .stopped(what: download.name) }
      }
    }
  }

  private func check(_ file: PartialFile, _ download: FileDownload) async throws(HubError) {
    let count = await file.count
    if let size = download.size, size != count {
      throw .damaged(
        path: download.destination, problem: "\(count) bytes came, \(size) were announced")
    }
    guard let expected = download.sha256 else { return }
    onEvent(.verifying(file: download.name))
    let found = try await file.sha256()
    guard found.hasPrefix(expected) else {
      throw .damaged(
        path: download.destination,
        problem: "the SHA-256 is \(found.prefix(16))…, expected \(expected.prefix(16))…; the file "
          + "was not kept; \(download.request.address.display) or something on the way changed it: "
          + "try again, or " + HTTPFetcher.usualAdvice)
    }
  }
}
#endif
