import DINOTestSupport
import Testing

@testable import DINOHub

@Suite("HubSettings")
struct HubSettingsTests {
  private func settings(_ environment: [String: String]) -> HubSettings {
    HubSettings(environment: ["HOME": "/home/a"].merging(environment) { $1 })
  }

  @Test("the defaults are those of torch.hub and huggingface_hub")
  func defaults() {
    let settings = settings([:])

    #expect(settings.torchFolder == "/home/a/.cache/torch/hub/checkpoints")
    #expect(settings.huggingFaceFolder == "/home/a/.cache/huggingface/hub")
    #expect(settings.metaURL == "https://dl.fbaipublicfiles.com/dinov2")
    #expect(settings.huggingFaceURL == "https://huggingface.co")
    #expect(settings.huggingFaceToken == nil)
    #expect(!settings.isOffline)
  }

  @Test(
    "the cache of torch.hub follows its variables",
    arguments: [
      (["TORCH_HOME": "/t"], "/t/hub/checkpoints"),
      (["TORCH_HOME": "~/t"], "/home/a/t/hub/checkpoints"),
      (["XDG_CACHE_HOME": "/c"], "/c/torch/hub/checkpoints"),
      (["XDG_CACHE_HOME": "/c", "TORCH_HOME": "/t"], "/t/hub/checkpoints"),
      (["TORCH_HOME": ""], "/home/a/.cache/torch/hub/checkpoints"),
    ])
  func torchFolder(environment: [String: String], expected: String) {
    #expect(settings(environment).torchFolder == expected)
  }

  @Test(
    "the cache of huggingface_hub follows its variables",
    arguments: [
      (["HF_HOME": "/h"], "/h/hub"), (["HF_HUB_CACHE": "/c", "HF_HOME": "/h"], "/c"),
      (["HUGGINGFACE_HUB_CACHE": "/old"], "/old"), (["XDG_CACHE_HOME": "/x"], "/x/huggingface/hub"),
      (["HF_HOME": "$SCRATCH/hf", "SCRATCH": "/s"], "/s/hf/hub"),
      (["HF_HUB_CACHE": "${SCRATCH}/$NONE", "SCRATCH": "/s"], "/s/$NONE"),
    ])
  func huggingFaceFolder(environment: [String: String], expected: String) {
    #expect(settings(environment).huggingFaceFolder == expected)
  }

  @Test(
    "offline is what huggingface_hub takes for true",
    arguments: [
      ("1", true), ("true", true), ("YES", true), ("on", true), ("0", false), ("no", false),
    ])
  func offline(value: String, expected: Bool) {
    #expect(settings(["HF_HUB_OFFLINE": value]).isOffline == expected)
    #expect(settings(["TRANSFORMERS_OFFLINE": value]).isOffline == expected)
  }

  @Test("a token comes from the environment or from the file of the login, and never shows")
  func token() throws {
    let folder = try TemporaryFolder()
    try folder.write("token", Array("hf_file\n".utf8))

    let fromFile = settings(["HF_HOME": folder.path])
    let fromVariable = settings(["HF_HOME": folder.path, "HF_TOKEN": "hf_variable"])

    #expect(fromFile.huggingFaceToken?.value == "hf_file")
    #expect(fromVariable.huggingFaceToken?.value == "hf_variable")
    var dumped = ""
    dump(fromVariable, to: &dumped)
    #expect(!dumped.contains("hf_variable"))
    #expect(!"\(fromVariable)".contains("hf_variable"))
  }

  @Test("addresses of mirrors may end with a slash")
  func mirrors() {
    let settings = settings(["HF_ENDPOINT": "https://m.example/", "DINOV2_META_URL": "http://n/d/"])

    #expect(
      settings.url(of: ReleasedModel(.base).backbone)
        == "http://n/d/dinov2_vitb14/dinov2_vitb14_pretrain.pth")
    #expect(
      settings.url(ofFile: "config.json", in: "facebook/dinov2-base", revision: "main")
        == "https://m.example/facebook/dinov2-base/resolve/main/config.json")
  }
}

@Suite("ProxySettings")
struct ProxySettingsTests {
  @Test("each scheme has its proxy, and ALL_PROXY stands for both")
  func schemes() {
    let both = ProxySettings(environment: ["HTTPS_PROXY": "http://s:1", "http_proxy": "http://p:2"])
    let all = ProxySettings(environment: ["ALL_PROXY": "http://a:3"])

    #expect(both.proxy(scheme: "https", host: "x.example") == "http://s:1")
    #expect(both.proxy(scheme: "http", host: "x.example") == "http://p:2")
    #expect(all.proxy(scheme: "https", host: "x.example") == "http://a:3")
    #expect(ProxySettings(environment: [:]).proxy(scheme: "https", host: "x.example") == nil)
  }

  @Test(
    "hosts that are left out are reached directly",
    arguments: [
      ("x.example", true), ("sub.x.example", true), ("notx.example", false), ("y.example", false),
      ("a.z.example", true), ("localhost", true), ("127.0.0.1", true), ("X.EXAMPLE", true),
    ])
  func exceptions(host: String, isDirect: Bool) {
    let settings = ProxySettings(
      environment: ["https_proxy": "http://p:1", "no_proxy": "x.example, .z.example"])

    #expect((settings.proxy(scheme: "https", host: host) == nil) == isDirect)
  }

  @Test("a star leaves out all hosts")
  func star() {
    let settings = ProxySettings(environment: ["https_proxy": "http://p:1", "NO_PROXY": "*"])

    #expect(settings.proxy(scheme: "https", host: "x.example") == nil)
  }
}
