"""Destinations: strict options, plain http for loopback only, formats inferred, and nothing secret shown."""

from typing import Any

import pytest

from discreet.destination import FORMATS, PRECISIONS, Destination, identity, inferred, is_loopback, made, of_url, split

SECRET = "s3cret-7f"
URL = "https://example.org/t"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("url", value) for value in (None, 5, "", "example.org", "ftp://example.org", "https://", "https:///t")),
        *(("url", f"https://{rest}") for rest in ("a b", "h/\x00", "h/ä", "h\r\nX: y", "h/#f", "h\\x", "h,i", "@")),
        *(("url", f"https://{rest}") for rest in ("h:0", "h:65536", "h:x", "h:1:2")),
        *(("url", f"https://{rest}") for rest in ("[::1", "[::1]8", "[::1]x", "[face]", "[]")),
        ("url", "https://h:" + "9" * 5000),
        *(("format", value) for value in ("xml", "JSON", 5, ["json"])),
        *(("batch_size", value) for value in (0, -1, 10_001, 1.0, True, "5", None)),
        *(("batch_interval", value) for value in (-1, -0.001, 30 * 86_400 + 1, float("nan"), float("inf"), True, "5")),
        *(("timeout", value) for value in (0, -1, 301, float("nan"), True, None)),
        *(("time_precision", value) for value in ("week", "", None, 5)),
        *(("api_key", value) for value in ("a\nb", "ä", 5, "\x7f")),
        *(("headers", {name: "v"}) for name in ("", "a b", "a:b", "ä", "a\n", 5)),
        *(("headers", {"a": value}) for value in ("x\r\ny: z", "x\n", "ä", None, 5, "\x00")),
        *(("headers", {name: "v"}) for name in ("Host", "content-length", "Transfer-Encoding", "Connection")),
        *(("headers", {name: "v"}) for name in ("Content-Encoding", "USER-AGENT", "content-type")),
        *(("headers", value) for value in ([("a", "b")], "a: b", 5)),
        *(("allow_http", value) for value in ("false", 0, 1, None)),
    ],
)  # fmt: skip
def test_a_wrong_option_is_named(option: str, value: object) -> None:
    """Whatever is wrong with an option raises `ValueError`, whose text begins with the option's name."""
    with pytest.raises(ValueError, match=f"^{option}"):
        Destination(**{"url": URL, option: value})  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.9.8.7",
        "127.0.0.1:80",
        "localhost",
        "LocalHost:8080",
        "[::1]",
        "[::1]:4318",
        "user:pw@localhost",
    ],
)
def test_plain_http_to_this_machine(host: str) -> None:
    """Plain http is taken for loopback, however it is spelled."""
    assert Destination(f"http://{host}/t").scheme == "http"


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "10.0.0.1",
        "127.0.0.1.example.org",
        "localhost.example.org",
        "128.0.0.1",
        "127.0.0.256",
        "127.1",
        "0.0.0.0",
        "[::2]",
        "localhost@example.org",
        "127.0.0.1@example.org",
        "127.0.0.1:80@example.org",
        "[::1]@example.org",
    ],
)
def test_plain_http_to_another_machine(host: str) -> None:
    """Beyond loopback plain http is refused, a host that looks like loopback included, unless the author allows it."""
    with pytest.raises(ValueError, match=r"^url: plain http"):
        Destination(f"http://{host}/t")
    assert Destination(f"http://{host}/t", allow_http=True).scheme == "http"
    assert Destination(f"https://{host}/t").scheme == "https"


@pytest.mark.parametrize(
    ("target", "form"),
    [
        ("/v1/traces", "otlp"), ("/x/v1/traces", "otlp"), ("/v1/traces?a=b", "otlp"), ("/v1/traces/", "json"),
        ("/batch/", "posthog"), ("/x/batch/?a", "posthog"), ("/batch", "json"), ("/?to=/batch/", "json"), ("/", "json"),
    ],
)  # fmt: skip
def test_a_format_is_inferred_from_the_path(target: str, form: str) -> None:
    """The end of the path says the format, the query does not; a given format is kept."""
    assert inferred(target) == form
    assert Destination(f"https://example.org{target}").format == form
    assert [Destination(f"https://example.org{target}", format=each).format for each in FORMATS] == list(FORMATS)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://example.org", ("https", "", "example.org", 443, "/")),
        ("HTTPS://Example.org:8443/a?b=c", ("https", "", "Example.org", 8443, "/a?b=c")),
        ("http://localhost?x=1", ("http", "", "localhost", 80, "/?x=1")),
        ("https://u:p@h/", ("https", "u:p", "h", 443, "/")),
        ("https://u@x:p@h/", ("https", "u@x:p", "h", 443, "/")),
        ("https://[2001:db8::1]:9/t", ("https", "", "2001:db8::1", 9, "/t")),
        ("https://h:/t", ("https", "", "h", 443, "/t")),
        ("https://h/a@b:c", ("https", "", "h", 443, "/a@b:c")),
    ],
)
def test_the_parts_of_a_url(url: str, parts: tuple[Any, ...]) -> None:
    """A URL falls into scheme, user information, host, port and target, as the connection needs them."""
    assert split(url) == parts


def test_what_is_shown_of_a_destination() -> None:
    """Neither user information nor query, header value or key is in what is printed of a destination."""
    url = f"https://user:{SECRET}@example.org:8443/path?token={SECRET}"
    one = Destination(url, headers={"Authorization": SECRET}, api_key=SECRET)
    assert one.shown == "https://example.org:8443/path"
    assert SECRET not in repr(one) + str(one) + one.shown + one.key
    assert Destination("https://[::1]:443/x").shown == "https://[::1]/x"
    assert Destination("http://localhost:80").shown == "http://localhost/"


@pytest.mark.parametrize(
    "url", [f"https://{SECRET} x/", f"https://u:{SECRET}@/", f"ftp://{SECRET}", f"https://h/#{SECRET}"]
)
def test_no_message_shows_the_url(url: str) -> None:
    """What is wrong with a URL is said without any of it."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the text is looked at below
        Destination(url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("example.org", "example.org"),
        ("ftp://example.org/t", "ftp://example.org/t"),
        ("http://example.org/t", "http://example.org/t"),
        ("https://a b/\x1b", "https://a b/\\x1b"),
        (f"https://u:{SECRET}@h:x/t", "...@h:x/t"),
        (f"u:{SECRET}@example.org", "...@example.org"),
        (f"https://u@x:{SECRET}@h:x/t", "...@h:x/t"),
        (f"https://u:a/{SECRET}@h:x/t", "...@h:x/t"),
        (f"https://h:x/t?token={SECRET}", "https://h:x/t"),
        (f"https://h/t#{SECRET}", "https://h/t"),
        (f"https://u:a?{SECRET}@h/", "..."),
        (f"https://u:a#{SECRET}@h/", "..."),
        (f"https://u:{SECRET}@h:x?to={SECRET}@h", "..."),
    ],
)
def test_the_option_is_named_and_shown(url: str, shown: str) -> None:
    """Where the option `destination` is no URL, the sentence names it and shows it, without what may be a secret."""
    with pytest.raises(ValueError, match=r"^destination: url") as caught:
        made(url)
    assert str(caught.value).endswith(f": '{shown}'")
    assert SECRET not in str(caught.value)
    with pytest.raises(ValueError, match=r"^destination 2: url"):
        made([URL, url])


def test_an_error_that_is_not_about_the_url() -> None:
    """Then the URL, which is right and may hold a token, is not shown at all."""
    with pytest.raises(ValueError, match=r"^destination: format") as caught:
        of_url("destination", URL, format="xml")
    assert "example.org" not in str(caught.value)


def test_no_message_shows_a_header_or_a_key() -> None:
    """What is wrong with a header's value or a key is said without it."""
    for options in ({"headers": {"X-Key": f"{SECRET}\n"}}, {"api_key": f"{SECRET}\n"}):
        with pytest.raises(ValueError) as caught:  # noqa: PT011  # as above
            Destination(URL, **options)  # type: ignore[arg-type]  # on purpose
        assert SECRET not in str(caught.value)


def test_the_key_tells_destinations_apart() -> None:
    """The key is of host, path and format: the same for other options, another for each of these."""
    assert Destination(URL).key == Destination(URL, batch_size=3, headers={"a": "b"}).key
    different = [Destination(url, format=form).key for url in (URL, f"{URL}a", f"{URL}/") for form in FORMATS]
    assert len(set(different)) == len(different)
    assert all(len(key) == 16 and not key.strip("0123456789abcdef") for key in different)


@pytest.mark.parametrize(
    ("text", "known"), [("", "cbf29ce484222325"), ("a", "af63dc4c8601ec8c"), ("foobar", "85944171f73967e8")]
)
def test_the_key_is_fnv_1a(text: str, known: str) -> None:
    """As published: what lies on disk under a key is found again by any later version."""
    assert identity(text) == known


def test_options_make_the_same_again() -> None:
    """`Destination(**options)` of a destination's options is the same destination, whatever the options are."""
    for precision in PRECISIONS:
        one = Destination(
            "http://u:p@example.org/x?y", format="beacon", headers={"A": "b"}, api_key="k", batch_size=3,
            batch_interval=7, timeout=2, time_precision=precision, allow_http=True,
        )  # fmt: skip
        assert vars(Destination(**one.options())) == vars(one)  # type: ignore[arg-type]  # its own options


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("https://eu.i.posthog.com", "https://eu.i.posthog.com/batch/"),
        ("https://eu.i.posthog.com/", "https://eu.i.posthog.com/batch/"),
        ("https://h/posthog", "https://h/posthog/batch/"),
        ("https://h/x/batch/", "https://h/x/batch/"),
    ],
)
def test_posthog(host: str, url: str) -> None:
    """`posthog()` takes an address or the whole URL, its key, and further options; the cloud is the default."""
    one = Destination.posthog("phc_x", host, batch_size=2)
    assert (one.url, one.format, one.api_key, one.batch_size) == (url, "posthog", "phc_x", 2)
    assert Destination.posthog("phc_x").url == "https://us.i.posthog.com/batch/"


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("https://eu.i.posthog.com", "https://eu.i.posthog.com/batch/"),
        ("https://eu.i.posthog.com/", "https://eu.i.posthog.com/batch/"),
        ("https://me:pw@h:8000", "https://me:pw@h:8000/batch/"),
        ("https://h/capture/", "https://h/capture/"),  # who gives a path means it
        ("https://h/?key=1", "https://h/?key=1"),
    ],
)
def test_a_bare_host_of_posthog(url: str, used: str) -> None:
    """PostHog takes no events at its root: a host alone is completed, and stays so."""
    one = Destination(url, format="posthog")
    assert one.url == used
    assert one.shown.endswith(one.target.partition("?")[0])
    assert Destination(**one.options()).options() == one.options()  # type: ignore[arg-type]  # its own
    assert Destination(url, format="json").url == url


@pytest.mark.parametrize("host", ["http://example.org", None, "example.org"])
def test_posthog_is_as_strict(host: Any) -> None:
    """A host that is none, or plain http beyond loopback, raises `ValueError`."""
    with pytest.raises(ValueError, match=r"url|host"):
        Destination.posthog("phc_x", host)


def test_one_or_several() -> None:
    """`destination=` takes nothing, a URL, a destination, or a list of both; the same one twice is refused."""
    one = Destination(URL)
    assert made(None) == made([]) == ()
    assert made(one) == (one,)
    assert [each.url for each in made([one, "https://example.org/other"])] == [URL, "https://example.org/other"]
    with pytest.raises(ValueError, match=r"^destination"):
        made([URL, one])
    with pytest.raises(ValueError, match=r"^destination 2: url must be .*, not of type int$"):
        made([URL, 5])


def test_loopback_is_a_matter_of_spelling() -> None:
    """No name is looked up to find out what is loopback."""
    assert [is_loopback(host) for host in ("127.0.0.1", "127.255.255.255", "::1", "LOCALHOST")] == [True] * 4
    assert not any(map(is_loopback, ("", "127", "127.0.0", "127.0.0.1.1", "127.a.0.1", "127.0.0.-1", "localhost.")))


def test_a_key_says_nothing_of_a_password_or_a_token() -> None:
    """The digits that stand in a file are the same whatever user, password, query, headers and key of an API are: they
    could be tried out.
    """
    secret = URL.replace("://", f"://user:{SECRET}@") + f"?token={SECRET}"
    assert Destination(secret, headers={"X-Key": SECRET}, api_key=SECRET).key == Destination(URL).key
    with pytest.raises(ValueError, match="must differ in format, host or path"):
        made([URL, secret])
