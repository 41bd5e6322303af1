#if Hub
internal import AsyncHTTPClient
internal import NIOCore

/// One try to bring the rest of a file.
struct Transfer {
  let fetcher: HTTPFetcher
  let file: PartialFile
  let download: FileDownload
  let onEvent: @Sendable (PullEvent) -> Void

  /// Bytes are gathered to this size before they are written.
  private static let chunk = 1 << 18

  func run() async throws(FetchFailure) {
    let offset = try await startingPoint()
    if offset > 0, offset == download.size { return }
    var request = download.request
    if offset > 0 {
      request.headers.append((name: "range", value: "bytes=\(offset)-"))
      // The server then sends the whole file if it is no longer the one whose beginning is here.
      if let tag = await file.tag() { request.headers.append((name: "if-range", value: tag)) }
    }
    let response = try await fetcher.send(request)
    guard let total = try await accept(response, offset: offset) else { return }
    try await receive(response, total: total)
  }

  /// How many bytes of an earlier try can be used.
  private func startingPoint() async throws(FetchFailure) -> Int {
    let count = await file.count
    guard count > 0 else { return 0 }
    if let size = download.size, count > size {
      try await restart("\(count) bytes are here, the file has \(size)")
      return 0
    }
    // Without a tag or a hash nobody could tell whether the two parts belong together.
    if await file.tag() == nil, download.sha256 == nil {
      try await restart("the version of the bytes that are here is not known")
      return 0
    }
    return count
  }

  /// The total size that follows from the headers, which may be unknown.
  private struct Total {
    let bytes: Int?
  }

  /// Compares the headers with what is here; returns `nil` if nothing is missing.
  private func accept(
    _ response: FetchResponse, offset: Int
  ) async throws(FetchFailure) -> Total? {
    let length = response.header("content-length").flatMap { Int($0) }
    let range = response.header("content-range").flatMap(ContentRange.init)
    switch response.status {
    case 206:
      guard let range, range.start == offset else {
        try await restart("the server sent another part than the one asked for")
        throw transient(response, "the server sent another part than the one asked for")
      }
      try await prepare(response, total: range.total ?? length.map { $0 + offset }, offset: offset)
      return Total(bytes: range.total ?? length.map { $0 + offset })
    case 416:
      if let total = range?.total, total == offset { return nil }
      try await restart("the server does not have the part that is missing")
      throw transient(response, "the server does not have the part that is missing")
    default:
      if offset > 0 { try await restart("the server sends the whole file") }
      try await prepare(response, total: length, offset: 0)
      return Total(bytes: length)
    }
  }

  /// Refuses what cannot be the file, and remembers its version.
  private func prepare(
    _ response: FetchResponse, total: Int?, offset: Int
  ) async throws(FetchFailure) {
    let address = response.address.display
    let type = response.header("content-type")?.lowercased() ?? ""
    if type.hasPrefix("text/html") {
      throw FetchFailure(
        error: .answer(
          url: address,
          problem:
            "the answer is a web page, not the file; open the address in a browser (maybe the "
            + "network asks for a login), or " + HTTPFetcher.usualAdvice))
    }
    if let total, let size = download.size, total != size {
      throw FetchFailure(
        error: .damaged(
          path: download.destination,
          problem: "\(address) offers \(total) bytes, \(size) were announced; try again later, or "
            + HTTPFetcher.usualAdvice))
    }
    let folder = FileSystem.parent(of: download.destination) ?? "."
    if let total, let available = FileSystem.availableBytes(in: folder), total - offset > available
    {
      throw FetchFailure(
        error: .diskFull(
          path: download.destination, needed: total - offset, available: available))
    }
    // A weak tag promises the same meaning, not the same bytes.
    let tag = response.header("etag").flatMap { $0.hasPrefix("\"") ? $0 : nil }
    do { try await file.setTag(tag) } catch { throw FetchFailure(error: error) }
    onEvent(.started(file: download.name, bytes: offset, total: total))
  }

  private func receive(_ response: FetchResponse, total: Total) async throws(FetchFailure) {
    var pending: [UInt8] = []
    pending.reserveCapacity(2 * Transfer.chunk)
    var failure: FetchFailure?
    do {
      for try await buffer in response.body {
        pending.append(contentsOf: buffer.readableBytesView)
        guard pending.count >= Transfer.chunk else { continue }
        try await write(&pending, total: total)
      }
    } catch {
      failure = fetcher.failure(error, at: response.address)
    }
    // Also after a failure: what came is worth keeping.
    if !pending.isEmpty { try await write(&pending, total: total) }
    if let failure { throw failure }
    let count = await file.count
    guard let expected = total.bytes, count != expected else { return }
    if count > expected { try await restart("more bytes came than were announced") }
    throw transient(response, "the transfer ended after \(count) of \(expected) bytes")
  }

  private func write(_ bytes: inout [UInt8], total: Total) async throws(FetchFailure) {
    do throws(HubError) {
      let count = try await file.append(bytes)
      onEvent(.progress(file: download.name, bytes: count, total: total.bytes))
    } catch {
      throw FetchFailure(error: error)
    }
    bytes.removeAll(keepingCapacity: true)
  }

  private func restart(_ reason: String) async throws(FetchFailure) {
    onEvent(.restarted(file: download.name, reason: reason))
    do { try await file.restart() } catch { throw FetchFailure(error: error) }
  }

  private func transient(_ response: FetchResponse, _ problem: String) -> FetchFailure {
    FetchFailure(
      error: .network(url: response.address.display, problem: problem), isTransient: true)
  }
}
#endif
