/// The look of a report.
enum ReportStyle {
  /// Light and dark after the reader's setting, one column that fits a phone, and plain black on paper.
  static let css = """
    :root {
      --page: #ffffff; --card: #f6f7f9; --line: #e1e4e8; --text: #1c2127; --quiet: #5d6873;
      --accent: #2563c9;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --page: #14171b; --card: #1d2127; --line: #31373f; --text: #e6e9ed; --quiet: #9aa5b1;
        --accent: #7ab0ff;
      }
    }
    * { box-sizing: border-box; }
    html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
    body {
      margin: 0 auto; padding: clamp(1.25rem, 4vw, 3.5rem) clamp(1rem, 4vw, 2.5rem);
      max-width: 68rem; background: var(--page); color: var(--text);
      font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
      overflow-wrap: anywhere;
    }
    h1 { margin: 0; font-size: clamp(1.7rem, 5vw, 2.5rem); line-height: 1.15;
      letter-spacing: -0.02em; text-wrap: balance; }
    h2 { margin: 3rem 0 1rem; padding-top: 1.2rem; border-top: 1px solid var(--line);
      font-size: 1.4rem; line-height: 1.25; letter-spacing: -0.01em; }
    p, ul { margin: 0 0 1rem; max-width: 44rem; }
    ul { padding-left: 1.3rem; }
    .subtitle { margin-top: 0.6rem; color: var(--quiet); font-size: 1.1rem; }
    a { color: var(--accent); }
    nav { display: flex; flex-wrap: wrap; gap: 0.5rem; margin-top: 1.5rem; }
    nav a { padding: 0.25rem 0.8rem; border: 1px solid var(--line); border-radius: 99rem;
      text-decoration: none; font-size: 0.9rem; }
    nav a:hover { background: var(--card); }
    .key-figures { display: grid; gap: 0.9rem; margin: 0 0 1.5rem;
      grid-template-columns: repeat(auto-fit, minmax(min(100%, 9.5rem), 1fr)); }
    .key-figures > div { padding: 1rem 1.1rem; border: 1px solid var(--line);
      border-radius: 0.8rem; background: var(--card); }
    .key-figures dt { color: var(--quiet); font-size: 0.85rem; }
    .key-figures dd { margin: 0; font-size: 1.7rem; font-weight: 650; line-height: 1.25;
      letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
    .key-figures .detail { color: var(--quiet); font-size: 0.85rem; font-weight: 400;
      line-height: 1.45; letter-spacing: 0; }
    .table { margin: 0 0 1.5rem; overflow-x: auto; }
    table { border-collapse: collapse; width: 100%; font-size: 0.94rem; overflow-wrap: normal; }
    caption { padding-bottom: 0.5rem; color: var(--quiet); font-size: 0.9rem; text-align: left; }
    th, td { padding: 0.5rem 0.9rem; border-bottom: 1px solid var(--line); text-align: left;
      vertical-align: top; }
    th { color: var(--quiet); font-size: 0.85rem; font-weight: 600; }
    th:first-child, td:first-child { padding-left: 0; }
    tbody tr:hover { background: var(--card); }
    .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
    .figures { display: grid; gap: 1.2rem; margin: 0 0 1.5rem;
      grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); }
    .figures.single { grid-template-columns: minmax(0, 44rem); }
    .figures.single figure { overflow-x: auto; }
    .figures.single svg { min-width: 26rem; }
    figure { margin: 0; min-width: 0; }
    figure img, figure svg { display: block; width: 100%; height: auto; border-radius: 0.6rem; }
    figure svg { color: var(--quiet); }
    figcaption { padding-top: 0.45rem; color: var(--quiet); font-size: 0.88rem; line-height: 1.45; }
    .code { margin: 0 0 1.5rem; }
    .code figcaption { padding: 0 0 0.4rem; }
    code { padding: 0.1em 0.35em; border-radius: 0.35em; background: var(--card);
      font: 0.9em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
    pre { margin: 0; padding: 0.9rem 1.1rem; border: 1px solid var(--line); border-radius: 0.6rem;
      background: var(--card); overflow-x: auto; overflow-wrap: normal; }
    pre code { padding: 0; background: none; }
    .note { margin: 0 0 1.5rem; padding: 0.9rem 1.1rem; border-left: 4px solid var(--accent);
      border-radius: 0.4rem; background: var(--card); }
    .note p:last-child { margin-bottom: 0; }
    footer { margin-top: 3.5rem; padding-top: 1rem; border-top: 1px solid var(--line);
      color: var(--quiet); font-size: 0.85rem; }
    @media print {
      :root { --page: #fff; --card: #fff; --line: #bbb; --text: #000; --quiet: #444; --accent: #000; }
      body { max-width: none; padding: 0; font-size: 10pt; }
      nav { display: none; }
      h2 { break-after: avoid; }
      figure, tr, .key-figures > div { break-inside: avoid; }
      pre { white-space: pre-wrap; }
    }

    """
}
