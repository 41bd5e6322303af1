#if Hub
extension ModelHub {
  /// Downloads one of Meta's files into the cache of `torch.hub`.
  func download(
    _ file: ReleasedFile, onEvent: @escaping @Sendable (PullEvent) -> Void
  ) async throws(HubError) {
    let address = try address(settings.url(of: file), variable: "DINOV2_META_URL")
    try FileSystem.makeFolder(settings.torchFolder)
    let path = path(of: file)
    let download = FileDownload(
      name: file.name, request: FetchRequest(address: address), destination: path,
      lockPath: path + ".lock", hasTemporaryLock: true, sha256: file.sha256)
    try await HTTPFetcher.with(settings) { fetcher throws(HubError) in
      try await FileDownloader(fetcher: fetcher, retries: settings.retries, onEvent: onEvent)
        .run(download)
    }
  }

  /// Downloads the files of a repository at Hugging Face and returns their commit.
  func download(
    _ repository: HuggingFaceRepository, for source: WeightSource,
    onEvent: @escaping @Sendable (PullEvent) -> Void
  ) async throws(HubError) -> String {
    let revision = settings.huggingFaceRevision
    guard HuggingFaceRepository.isRevision(revision) else {
      throw .settings(problem: "\"\(revision)\" is not a branch, tag or commit of a repository")
    }
    return try await HTTPFetcher.with(settings) { fetcher throws(HubError) in
      let downloader = FileDownloader(
        fetcher: fetcher, retries: settings.retries, onEvent: onEvent)
      var commit: String?
      // The large file comes last, so that a mistake shows early.
      for (name, isNeeded) in HubFile.names(at: source) {
        // One commit for all files, also if the branch moves meanwhile.
        let file = HubFile(name: name, isNeeded: isNeeded, revision: commit ?? revision)
        commit = try await download(file, of: repository, with: downloader, known: commit)
      }
      guard let commit else { throw .settings(problem: "\(repository.id) has no files to pull") }
      try repository.setReference(revision, to: commit)
      return commit
    }
  }

  private func download(
    _ file: HubFile, of repository: HuggingFaceRepository, with downloader: FileDownloader,
    known: String?
  ) async throws(HubError) -> String? {
    let url = settings.url(ofFile: file.name, in: repository.id, revision: file.revision)
    let address = try address(url, variable: "HF_ENDPOINT")
    let hasToken = settings.huggingFaceToken != nil
    let request = FetchRequest(
      address: address, token: settings.huggingFaceToken,
      advice: { ModelHub.advice(status: $0, hasToken: hasToken) })
    let header: HubFile.Header
    do throws(HubError) {
      header = try await downloader.header(of: request)
    } catch {
      guard case .refused(_, 404, _) = error, !file.isNeeded, let known else { throw error }
      try repository.markMissing(file.name, commit: known)
      return known
    }
    guard header.commit == known ?? header.commit else {
      throw .answer(
        url: address.display,
        problem: "the server answers for commit \(header.commit), not \(known ?? "")")
    }
    try repository.makeFolders(commit: header.commit)
    let isSHA256 = header.tag.utf8.count == 64 && header.tag.isHexadecimal
    try await downloader.run(
      FileDownload(
        name: file.name, request: request, destination: repository.blob(header.tag),
        lockPath: repository.lock(header.tag), hasTemporaryLock: false, size: header.size,
        sha256: isSHA256 ? header.tag : nil))
    try repository.link(file.name, to: header.tag, commit: header.commit)
    return header.commit
  }

  private func address(_ text: String, variable: String) throws(HubError) -> WebAddress {
    guard let address = WebAddress(text) else {
      throw .settings(
        problem: "\"\(text)\" is not an address that begins with http:// or https://; correct "
          + "\(variable) or unset it")
    }
    return address
  }

  private static func advice(status: Int, hasToken: Bool) -> String {
    switch (status, hasToken) {
    case (401, true), (403, true):
      "the token (HF_TOKEN, or the file that `hf auth login` wrote) was not accepted: correct or "
        + "remove it, or " + HTTPFetcher.usualAdvice
    case (401, false), (403, false):
      "set HF_TOKEN to a token that may read the repository, or " + HTTPFetcher.usualAdvice
    default: HTTPFetcher.usualAdvice
    }
  }
}
#endif
