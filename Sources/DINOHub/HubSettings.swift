internal import FoundationEssentials

/// Where weights are looked for, where they come from, and how patient a download is.
public struct HubSettings: Sendable, Equatable {
  /// The address of Meta's files.
  public var metaURL = "https://dl.fbaipublicfiles.com/dinov2"
  /// The folder where `torch.hub` keeps files.
  public var torchFolder: String
  /// The address of Hugging Face or of a mirror.
  public var huggingFaceURL = "https://huggingface.co"
  /// The folder where `huggingface_hub` keeps repositories.
  public var huggingFaceFolder: String
  /// The branch, tag or commit of a repository at Hugging Face.
  public var huggingFaceRevision = "main"
  /// Permission for private repositories; sent to ``huggingFaceURL`` only.
  public var huggingFaceToken: AccessToken?
  /// Whether the network must not be used.
  public var isOffline: Bool
  /// The addresses of proxies.
  public var proxies: ProxySettings
  /// How failures are repeated.
  public var retries = RetryPolicy()
  /// The longest time without a byte before a connection counts as dead.
  public var stallTimeout: Duration = .seconds(30)
  /// The longest time until a connection stands.
  public var connectTimeout: Duration = .seconds(10)

  /// Reads settings as `torch.hub` and `huggingface_hub` do.
  ///
  /// Known variables: `DINOV2_META_URL`, `TORCH_HOME`, `XDG_CACHE_HOME`, `HF_ENDPOINT`, `HF_HOME`,
  /// `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HUB_OFFLINE`,
  /// `TRANSFORMERS_OFFLINE`, `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.
  ///
  /// - Parameter environment: The environment variables.
  public init(environment: [String: String]) {
    let paths = PathExpansion(environment: environment)
    func value(_ names: String...) -> String? {
      names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    }
    let caches = paths.expand(value("XDG_CACHE_HOME") ?? "~/.cache")
    let torchHome = paths.expand(value("TORCH_HOME") ?? caches + "/torch")
    torchFolder = torchHome + "/hub/checkpoints"
    let huggingFaceHome = paths.expand(value("HF_HOME") ?? caches + "/huggingface")
    huggingFaceFolder = paths.expand(
      value("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? huggingFaceHome + "/hub")
    if let url = value("DINOV2_META_URL") { metaURL = url }
    if let url = value("HF_ENDPOINT") { huggingFaceURL = url }
    let tokenPath = paths.expand(value("HF_TOKEN_PATH") ?? huggingFaceHome + "/token")
    huggingFaceToken =
      AccessToken(value("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"))
      ?? AccessToken(FileSystem.readText(tokenPath))
    let offline = value("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") ?? ""
    // The words that `huggingface_hub` takes for true.
    isOffline = ["1", "ON", "YES", "TRUE"].contains(offline.uppercased())
    proxies = ProxySettings(environment: environment)
  }

  /// Reads settings from the environment of the process.
  ///
  /// - Returns: The settings.
  public static func fromProcess() -> HubSettings {
    HubSettings(environment: ProcessInfo.processInfo.environment)
  }

  /// The address that a file of Meta's comes from.
  ///
  /// - Parameter file: The file.
  /// - Returns: The address.
  public func url(of file: ReleasedFile) -> String {
    HubSettings.joined(metaURL, file.path)
  }

  func url(ofFile name: String, in repository: String, revision: String) -> String {
    HubSettings.joined(huggingFaceURL, "\(repository)/resolve/\(revision)/\(name)")
  }

  private static func joined(_ base: String, _ path: String) -> String {
    var base = base[...]
    while base.hasSuffix("/") { base = base.dropLast() }
    return base + "/" + path
  }
}

/// A secret that does not show in messages.
public struct AccessToken: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
  let value: String

  /// Creates a token; `nil` if the text holds nothing but white space.
  ///
  /// - Parameter text: The token, maybe with a line break at its end.
  public init?(_ text: String?) {
    let value = String((text ?? "").filter { !$0.isWhitespace })
    guard !value.isEmpty else { return nil }
    self.value = value
  }

  /// A place holder.
  public var description: String { "(hidden)" }
  /// A mirror that shows nothing.
  public var customMirror: Mirror { Mirror(self, children: [] as [Mirror.Child]) }
}
