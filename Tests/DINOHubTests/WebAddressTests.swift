import Testing

@testable import DINOHub

@Suite("WebAddress")
struct WebAddressTests {
  @Test(
    "messages show neither query nor password",
    arguments: [
      ("https://a.example/b/c?x=1#d", "https://a.example/b/c"),
      ("http://user:word@a.example:8080/b", "http://a.example:8080/b"),
      ("https://a.example/b@c", "https://a.example/b@c"),
    ])
  func display(text: String, expected: String) throws {
    #expect(try #require(WebAddress(text)).display == expected)
  }

  @Test(
    "what is no web address is refused",
    arguments: ["", "a.example", "ftp://a", "file:///a", "http://"])
  func refused(text: String) {
    #expect(WebAddress(text) == nil)
  }

  @Test(
    "scheme, host and port make the origin",
    arguments: [
      ("https://A.example/x", true), ("https://a.example:443/y", true),
      ("http://a.example/", false),
      ("https://a.example:444/", false), ("https://b.example/", false),
      ("https://aa.example/", false),
    ])
  func origin(text: String, expected: Bool) throws {
    let home = try #require(WebAddress("https://a.example/file"))
    #expect(try #require(WebAddress(text)).hasOrigin(of: home) == expected)
  }

  @Test(
    "a redirect may be relative",
    arguments: [
      ("/c?d=%2F", "https://a.example/c?d=%2F"), ("c", "https://a.example/b/c"),
      ("//b.example/c", "https://b.example/c"), ("http://c.example", "http://c.example"),
    ])
  func following(location: String, expected: String) throws {
    let address = try #require(WebAddress("https://a.example/b/file"))
    #expect(address.following(location)?.text == expected)
  }
}
