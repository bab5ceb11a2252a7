"""Writes the corpus of awkward mails: `python -m tests.channels.email.writing`.

The mails are what counts and they are committed; this says how each came to be, byte by byte.
People are named by their role, domains are those kept for examples.
"""

import base64
import quopri
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus" / "written"
MAILS: dict[str, bytes] = {}

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
DATE = "Mon, 23 Nov 2026 10:14:05 -0500"


def b(text: str | bytes) -> bytes:
    """Return text as UTF-8 with the line ends of mail."""
    data = text.encode() if isinstance(text, str) else text
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def b64(data: bytes) -> bytes:
    """Return base64 in lines."""
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def qp(text: str, charset: str = "utf-8") -> bytes:
    """Return quoted-printable."""
    return quopri.encodestring(text.encode(charset)).replace(b"\n", b"\r\n")


def head(**fields: str | bytes | None) -> bytes:
    """Return a header: the usual fields, changed and completed by `fields`; None leaves one out."""
    usual: dict[str, str | bytes | None] = {
        "From": "Compras Andina <compras@andina.example>",
        "To": "soporte@iws.example",
        "Subject": "La orden no llega",
        "Date": DATE,
        "Message-ID": "<orden.1@andina.example>",
    }
    usual |= {name.replace("_", "-"): value for name, value in fields.items()}
    lines = [
        name.encode() + b": " + (value.encode() if isinstance(value, str) else value)
        for name, value in usual.items()
        if value is not None
    ]
    return b"\r\n".join(lines) + b"\r\n"


def mail(name: str, body: str | bytes = "", **fields: str | bytes | None) -> None:
    """Add a mail of one part. `raw_` bodies are taken as they are."""
    data = body if isinstance(body, bytes) else b(body)
    MAILS[name] = head(**fields) + b"\r\n" + data


def text(name: str, body: str, **fields: str | bytes | None) -> None:
    """Add a plain mail in UTF-8."""
    fields = {"MIME_Version": "1.0", "Content_Type": "text/plain; charset=utf-8"} | fields
    mail(name, body, **fields)


def html(name: str, body: str, **fields: str | bytes | None) -> None:
    """Add a mail of HTML only."""
    text(name, body, **{"Content_Type": "text/html; charset=utf-8"} | fields)


def part(kind: str, data: str | bytes, **fields: str) -> bytes:
    """Return one part with its header."""
    lines = [f"Content-Type: {kind}"] if kind else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    body = data if isinstance(data, bytes) else b(data)
    return "\r\n".join(lines).encode() + (b"\r\n\r\n" if lines else b"\r\n") + body


def plain(words: str) -> bytes:
    """Return a part of plain text."""
    return part("text/plain; charset=utf-8", words, Content_Transfer_Encoding="8bit")


def rich(words: str) -> bytes:
    """Return a part of HTML."""
    return part("text/html; charset=utf-8", words, Content_Transfer_Encoding="8bit")


def file(name: str, data: bytes, kind: str, **fields: str) -> bytes:
    """Return an attached file."""
    given = {
        "Content_Transfer_Encoding": "base64",
        "Content_Disposition": f'attachment; filename="{name}"',
    }
    return part(kind, b64(data), **given | fields)


def multi(kind: str, *parts: bytes, mark: str = "=_b1", end: bool = True) -> bytes:
    """Return parts with their boundaries, without the header that names it."""
    body = b"".join(b"--" + mark.encode() + b"\r\n" + one + b"\r\n" for one in parts)
    return body + (b"--" + mark.encode() + b"--\r\n" if end else b"")


def nest(kind: str, *parts: bytes, mark: str) -> bytes:
    """Return a multipart as a part of another."""
    return part(f'multipart/{kind}; boundary="{mark}"', multi(kind, *parts, mark=mark))


def many(name: str, kind: str, *parts: bytes, mark: str = "=_b1", **fields: str) -> None:
    """Add a multipart mail."""
    given = {"MIME_Version": "1.0", "Content_Type": f'multipart/{kind}; boundary="{mark}"'}
    mail(name, multi(kind, *parts, mark=mark), **given | fields)


HOLA = "Buenos días:\n\nLa orden 4512 no llega al proveedor. ¿Nos ayudan?\n\nGracias\n"


def charsets() -> None:
    """Add charsets that are wrong, missing, unknown or cut."""
    text("charset-utf8", HOLA)
    mail("charset-none-latin1", b(HOLA.encode("cp1252")))
    mail("charset-none-utf8", HOLA)
    mail("charset-ascii-declared-utf8", HOLA, Content_Type="text/plain; charset=us-ascii")
    mail("charset-latin1-declared-utf8", HOLA, Content_Type="text/plain; charset=iso-8859-1")
    mail(
        "charset-utf8-declared-latin1",
        b(HOLA.encode("latin-1")),
        Content_Type="text/plain; charset=utf-8",
    )
    words = "Dice “pendiente” – y cuesta 15 €… ¿sigue así?\n"
    mail(
        "charset-latin1-windows-quotes",
        b(words.encode("cp1252")),
        Content_Type="text/plain; charset=iso-8859-1",
    )
    mail("charset-unknown", HOLA, Content_Type="text/plain; charset=x-invented-7")
    mail(
        "charset-unknown-8bit",
        b(HOLA.encode("latin-1")),
        Content_Type="text/plain; charset=unknown-8bit",
    )
    mail("charset-cp-850-dash", b(HOLA.encode("cp850")), Content_Type="text/plain; charset=cp-850")
    mail(
        "charset-windows-1252-name",
        b(words.encode("cp1252")),
        Content_Type='text/plain; charset="Windows-1252"',
    )
    mail(
        "charset-utf7",
        b"Ma+APE-ana no abre el port+AOE-l\r\n",
        Content_Type="text/plain; charset=utf-7",
    )
    mail(
        "charset-utf16-html",
        "<p>Año nuevo: ¿abren?</p>".encode("utf-16"),
        Content_Type="text/html; charset=utf-16",
    )
    mail(
        "charset-utf16-declared-ascii",
        "The order is late.\n",
        Content_Type="text/plain; charset=utf-16",
    )
    mail(
        "charset-gb2312-beyond",
        "订单没有到达，请帮忙。镕\r\n".encode("gb18030"),
        Content_Type="text/plain; charset=gb2312",
    )
    mail(
        "charset-shift-jis",
        "注文が届きません。①\r\n".encode("cp932"),
        Content_Type="text/plain; charset=Shift_JIS",
    )
    mail(
        "charset-koi8",
        "Заказ не пришёл. Помогите, пожалуйста.\r\n".encode("koi8-r"),
        Content_Type="text/plain; charset=koi8-r",
    )
    mail(
        "charset-iso2022jp",
        "注文が届きません。\r\n".encode("iso2022_jp"),
        Content_Type="text/plain; charset=iso-2022-jp",
    )
    mail("charset-idna-refused", HOLA, Content_Type="text/plain; charset=idna")
    mail("charset-base64-is-no-charset", HOLA, Content_Type="text/plain; charset=base64")
    mail(
        "charset-utf8-cut",
        b(HOLA * 4)[:-11] + "ó".encode()[:1],
        Content_Type="text/plain; charset=utf-8",
    )
    mail(
        "charset-utf8-with-bom", b"\xef\xbb\xbf" + b(HOLA), Content_Type="text/plain; charset=utf-8"
    )
    html("charset-in-meta-only", "", Content_Type="text/html")
    MAILS["charset-in-meta-only"] += (
        b'<html><head><meta charset="iso-8859-15"><title>x</title></head><body>Cuesta 15 \xa4 al a\xf1o</body></html>'
    )
    mail(
        "charset-nul-bytes",
        b"Hola\x00 a todos\x00\r\nNo abre.\r\n",
        Content_Type="text/plain; charset=utf-8",
    )
    mail("charset-quoted-star", HOLA, Content_Type="text/plain; charset*=us-ascii'en'utf-8")
    mail("charset-twice", HOLA, Content_Type="text/plain; charset=iso-8859-2; charset=utf-8")
    mail(
        "charset-emoji",
        "El botón 🚚 no responde 👩🏽‍💻\n",
        Content_Type="text/plain; charset=utf-8",
    )
    mail("charset-mac", b(HOLA.encode("mac-roman")), Content_Type="text/plain; charset=x-mac-roman")


def encodings() -> None:
    """Add transfer encodings that are broken or lie."""
    utf8 = "text/plain; charset=utf-8"
    mail("encoding-qp", qp(HOLA), Content_Type=utf8, Content_Transfer_Encoding="quoted-printable")
    mail(
        "encoding-qp-soft-breaks",
        b"La orden =\r\n4512 est=C3=\r\n=A1 parada=21=\r\n\r\nfin",
        Content_Type=utf8,
        Content_Transfer_Encoding="quoted-printable",
    )
    mail(
        "encoding-qp-bad-escapes",
        b"100 =% de =ZZ y a=b est=C3=A1 =\r\n",
        Content_Type=utf8,
        Content_Transfer_Encoding="Quoted-Printable",
    )
    mail(
        "encoding-base64", b64(HOLA.encode()), Content_Type=utf8, Content_Transfer_Encoding="base64"
    )
    mail(
        "encoding-base64-no-padding",
        b64(HOLA.encode()).rstrip(b"=\r\n"),
        Content_Type=utf8,
        Content_Transfer_Encoding="BASE64",
    )
    mail(
        "encoding-base64-cut",
        b64(HOLA.encode())[:-17],
        Content_Type=utf8,
        Content_Transfer_Encoding="base64",
    )
    mail(
        "encoding-base64-footer",
        b64(HOLA.encode())
        + b"_____________________\r\nusers mailing list\r\nusers@lists.example.org\r\n",
        Content_Type=utf8,
        Content_Transfer_Encoding="base64",
    )
    mail(
        "encoding-base64-two-blocks",
        b64(b"Primera parte.\n") + b64("Segunda parte, ñ.\n".encode()),
        Content_Type=utf8,
        Content_Transfer_Encoding="base64",
    )
    mail(
        "encoding-base64-is-text",
        "Hola, esto no es base64: la orden no llega.\n",
        Content_Type=utf8,
        Content_Transfer_Encoding="base64",
    )
    mail("encoding-unknown", HOLA, Content_Type=utf8, Content_Transfer_Encoding="8-bits")
    mail(
        "encoding-uuencode",
        b'begin 644 nota.txt\r\n<2&]L82P@;&$@;W)D96X@;F\\@;&QE9V$N"@``\r\n`\r\nend\r\n',
        Content_Type=utf8,
        Content_Transfer_Encoding="x-uuencode",
    )
    mail(
        "encoding-twice",
        b64(HOLA.encode()),
        Content_Type=utf8,
        Content_Transfer_Encoding="base64\r\nContent-Transfer-Encoding: 8bit",
    )
    mail("encoding-7bit-with-8bit", HOLA, Content_Type=utf8, Content_Transfer_Encoding="7bit")
    flowed = "La orden 4512 no llega al proveedor y el \nportal dice que sí.\n\n> cita larga que sigue en la \n> línea siguiente\n Fin con espacio\n-- \nCompras\n"
    mail("encoding-flowed", flowed, Content_Type="text/plain; charset=utf-8; format=flowed")
    mail(
        "encoding-flowed-delsp",
        "注文が \n届きません。\n",
        Content_Type="text/plain; charset=utf-8; format=flowed; delsp=yes",
    )


def header_fields() -> None:
    """Add headers that are broken, raw, folded, missing or meant to fool."""
    text("header-none", "")
    MAILS["header-none"] = b(HOLA)
    MAILS["header-empty-mail"] = b""
    MAILS["header-only"] = head()
    MAILS["header-blank-lines-first"] = b"\r\n\r\n" + head() + b"\r\nHola\r\n"
    MAILS["header-bare-lf"] = (head() + b"\r\n" + b(HOLA)).replace(b"\r\n", b"\n")
    MAILS["header-bare-cr"] = (head() + b"\r\n" + b(HOLA)).replace(b"\r\n", b"\r")
    MAILS["header-double-cr"] = (head() + b"\r\n" + b(HOLA)).replace(b"\r\n", b"\r\r\n")
    MAILS["header-mixed-ends"] = head().replace(b"\r\n", b"\n") + b"\r\nHola\r\n"
    MAILS["header-mbox-line"] = (
        b"From compras@andina.example Mon Nov 23 10:14:05 2026\n" + head() + b"\r\nHola\r\n"
    )
    MAILS["header-junk-line"] = (
        head().replace(b"Date:", b"esto no es un campo\r\nDate:") + b"\r\nHola\r\n"
    )
    MAILS["header-no-blank-line"] = (
        head() + b"Hola, falta la l\xc3\xadnea en blanco\r\ny sigue.\r\n"
    )
    text("header-space-before-colon", "Hola\n", Subject=None)
    MAILS["header-space-before-colon"] = (
        b"Subject : Con espacio\r\n" + MAILS["header-space-before-colon"]
    )
    text("subject-encoded", "Hola\n", Subject="=?utf-8?Q?La_orden_4512_no_lleg=C3=B3?=")
    text(
        "subject-base64-split",
        "Hola\n",
        Subject="=?utf-8?B?TGEgb3JkZW4gbm8gbGxlZ8M=?=\r\n =?utf-8?B?syBhIHRpZW1wbw==?=",
    )
    text(
        "subject-two-charsets",
        "Hola\n",
        Subject="=?iso-8859-1?Q?Env=EDo?= urgente =?utf-8?Q?a=C3=BAn?= no",
    )
    text("subject-raw-utf8", "Hola\n", Subject="Envío sin código: ¿qué pasó?")
    text("subject-raw-latin1", "Hola\n", Subject="Envío dañado".encode("latin-1"))
    text(
        "subject-encoded-newline",
        "Hola\n",
        Subject="=?utf-8?Q?Hola=0D=0ABcc:_victima=40example.net?=",
    )
    text(
        "subject-bidi",
        "Hola\n",
        Subject="=?utf-8?B?"
        + base64.b64encode("factura\u202efdp.exe\u202c lista\u200b".encode()).decode()
        + "?=",
    )
    text("subject-broken-word", "Hola\n", Subject="=?utf-8?B?%%%?= y =?nada?= =?utf-8?Q?sin fin")
    text("subject-unknown-charset", "Hola\n", Subject="=?x-none?Q?Env=C3=ADo?=")
    text("subject-windows-path", "Hola\n", Subject="=?utf-8?Q?Ruta?= C:\\users\\nueva")
    text("subject-spaces-in-word", "Hola\n", Subject="=?utf-8?Q?La orden n=C3=BAmero 5?=")
    text("subject-folded", "Hola\n", Subject="La orden\r\n 4512\r\n\tno llega")
    text("subject-missing", "Hola\n", Subject=None)
    text("subject-twice", "Hola\n", Subject="Primero\r\nSubject: Segundo")
    text(
        "from-encoded-comma",
        "Hola\n",
        From="=?utf-8?Q?P=C3=A9rez=2C_Compras?= <compras@andina.example>",
    )
    text("from-stray-comma", "Hola\n", From="Compras, Andina <compras@andina.example>")
    text(
        "from-quoted-encoded",
        "Hola\n",
        From='"=?utf-8?Q?Direcci=C3=B3n?=" <direccion@andina.example>',
    )
    text("from-raw-latin1", "Hola\n", From="Dirección <direccion@andina.example>".encode("latin-1"))
    text("from-no-angle", "Hola\n", From="compras@andina.example (Compras Andina)")
    text("from-upper-case", "Hola\n", From="COMPRAS@Andina.EXAMPLE")
    text("from-missing", "Hola\n", From=None)
    text(
        "from-missing-sender-there",
        "Hola\n",
        From=None,
        Sender="Secretaría <secretaria@andina.example>",
    )
    text("from-empty", "Hola\n", From="<>", Reply_To="otra@andina.example")
    text(
        "from-several",
        "Hola\n",
        From="uno@andina.example, dos@andina.example",
        Sender="dos@andina.example",
    )
    text("from-twice", "Hola\n", From="uno@andina.example\r\nFrom: victima@example.net")
    text("from-unclosed", "Hola\n", From='"Compras <compras@andina.example')
    text("from-idn", "Hola\n", From="Compras <compras@compañía.example>")
    text("from-unicode-local", "Hola\n", From="Señal <señal@andina.example>")
    text("from-name-is-address", "Hola\n", From='"ceo@example.com" <estafa@example.net>')
    text("from-no-domain", "Hola\n", From="root")
    text("from-nested-comments", "Hola\n", From="(a(b(c)d)e) compras@andina.example (fin)")
    text("to-group", "Hola\n", To="Equipo: uno@iws.example, dos@iws.example;, tres@iws.example")
    text(
        "to-undisclosed",
        "Hola\n",
        To="undisclosed-recipients:;",
        Delivered_To="soporte@iws.example",
    )
    text(
        "to-many-and-cc",
        "Hola\n",
        To='soporte@iws.example, "Ventas, Lima" <ventas@andina.example>',
        Cc="=?utf-8?Q?Almac=C3=A9n?= <almacen@andina.example>,\r\n soporte@iws.example, almacen@ANDINA.example",
    )
    text(
        "to-delivered-all",
        "Hola\n",
        To=None,
        Delivered_To="a@iws.example",
        X_Original_To="b@iws.example",
        Envelope_To="c@iws.example",
        X_Forwarded_To="d@iws.example e@iws.example",
    )
    text("date-missing", "Hola\n", Date=None)
    text("date-no-zone", "Hola\n", Date="Mon, 23 Nov 2026 10:14:05")
    text("date-minus-zero", "Hola\n", Date="Mon, 23 Nov 2026 15:14:05 -0000")
    text("date-named-zone", "Hola\n", Date="Mon, 23 Nov 2026 10:14:05 EST")
    text("date-broken", "Hola\n", Date="lunes 23 de noviembre, por la mañana")
    text("date-impossible", "Hola\n", Date="Tue, 31 Feb 2026 27:99:00 +0000")
    text("date-year-one", "Hola\n", Date="Mon, 01 Jan 0001 00:00:00 +1400")
    text("date-huge-zone", "Hola\n", Date="Mon, 23 Nov 2026 10:14:05 +9999")
    text(
        "ids-folded",
        "Hola\n",
        Message_ID="\r\n <muy.largo.identificador.de.mensaje.4512@andina.\r\n example>",
        In_Reply_To="\r\n <a@x.example>",
        References="<a@x.example>\r\n\t<b@x.example><c@x.example>\r\n <a@x.example>",
    )
    text("ids-no-brackets", "Hola\n", Message_ID="orden.9@andina.example")
    text(
        "ids-garbage",
        "Hola\n",
        Message_ID="<>",
        In_Reply_To="Your message of Mon, 23 Nov 2026 <b@x.example> yes",
        References="rota <sin cerrar <c@x.example> < espacio @x>",
    )
    text("ids-missing", "Hola\n", Message_ID=None)
    text(
        "ids-many-references",
        "Hola\n",
        References="\r\n ".join(f"<r{n}@x.example>" for n in range(150)),
    )
    text("path-null", "Hola\n", Return_Path="<>")
    text("path-address", "Hola\n", Return_Path="<Rebotes+7@andina.example>")
    text(
        "received-ip",
        "Hola\n",
        Received="from mail.andina.example (mail.andina.example [192.0.2.44])\r\n\tby mx.iws.example (Postfix) with ESMTPS id 4X\r\nReceived: from [10.0.0.5] by mail.andina.example",
    )
    text("received-ipv6", "Hola\n", Received="from mail ([IPv6:2001:db8::25]) by mx.iws.example")
    hop = " by mx.iws.example id 4X; Mon, 23 Nov 2026 10:14:05 -0500"
    for name, lines in {
        "gmail": [
            "by 2002:a05:6402:1f55:b0:5d0:1a2b with SMTP id 4X; Mon, 23 Nov 2026 07:14:05 -0800",
            f"from mail-qv1-f41.google.com (mail-qv1-f41.google.com. [209.85.219.41]){hop}",
        ],
        "office": [
            "from DB9P.eurprd04.prod.outlook.com (2603:10a6:10:2c::13) by VI1P.eurprd04.prod.outlook.com with HTTPS; x",
            "from DU2P.eurprd04.prod.outlook.com (2603:10a6:10:21::3) by DB9P.eurprd04.prod.outlook.com (2603:10a6:10:2c::13) with Microsoft SMTP Server; x",
            "from mail.andina.example (192.0.2.44) by DU2P.mail.protection.outlook.com (10.13.58.64) with Microsoft SMTP Server; x",
        ],
        "called-an-address": [f"from [198.51.100.9] (unknown [192.0.2.44]){hop}"],
        "exim": [f"from [192.0.2.44] (port=4711 helo=[198.51.100.9]){hop}"],
        "qmail": [f"from unknown (HELO [198.51.100.9]) (192.0.2.44){hop}"],
    }.items():
        text(f"received-{name}", "Hola\n", Received="\r\nReceived: ".join(lines))
    text("received-no-ip", "Hola\n", Received="by mx.iws.example id [...] (nothing)")
    text(
        "verdicts",
        "Hola\n",
        Authentication_Results="mx.iws.example;\r\n dkim=pass (2048-bit; comment (nested)) header.d=andina.example header.i=@andina.example;\r\n spf=softfail smtp.mailfrom=compras@andina.example; dmarc=pass (p=none) header.from=andina.example\r\nAuthentication-Results: other.example 1; none\r\nAuthentication-Results: relay.example; spf=pass smtp.mailfrom=otra@andina.example",
    )
    text("own-token", "Hola\n", X_Plazo="b12-ABCDEFGHIJKLMNOPQRST", X_Plazo_Doctor="loop-7")
    text("language-hint", "4512\n", Content_Language="pt-BR")
    text(
        "header-8bit-everywhere",
        "Hola\n",
        Subject=b"\xff\xfe\x80\x81",
        From=b"\xe9\xe8 <compras@andina.example>",
        Message_ID=b"<\xe1@andina.example>",
    )


def structure() -> None:
    """Add parts that are nested, missing, cut or mislabelled."""
    many(
        "mime-alternative", "alternative", plain("Texto llano\n"), rich("<p>Texto <b>rico</b></p>")
    )
    many(
        "mime-alternative-empty-html",
        "alternative",
        plain("Solo aquí hay texto\n"),
        rich("<html><body><div>&nbsp;</div></body></html>"),
    )
    many(
        "mime-alternative-tracking-pixel",
        "alternative",
        plain("Solo aquí hay texto\n"),
        rich('<img src="https://track.example.net/p.gif" width=1 height=1>'),
    )
    many("mime-alternative-html-first", "alternative", rich("<p>Rico</p>"), plain("Llano\n"))
    many(
        "mime-alternative-amp",
        "alternative",
        plain("Llano\n"),
        part("text/x-amp-html; charset=utf-8", "<html amp4email>amp</html>"),
        rich("<p>Rico</p>"),
    )
    many(
        "mime-mixed-file",
        "mixed",
        plain("Adjunto la orden.\n"),
        file("orden.pdf", PDF, "application/pdf"),
    )
    many(
        "mime-mixed-text-after-file",
        "mixed",
        plain("Antes\n"),
        file("a.pdf", PDF, "application/pdf"),
        plain("Después\n"),
    )
    many(
        "mime-mixed-html-and-footer",
        "mixed",
        rich("<p>Hola <i>equipo</i></p>"),
        plain("-- \nLista de clientes\n"),
    )
    many(
        "mime-apple-html-pdf-html",
        "mixed",
        rich("<p>Antes del PDF</p>"),
        file("orden.pdf", PDF, "application/pdf", Content_Disposition="inline; filename=orden.pdf"),
        rich("<p>Después del PDF</p>"),
    )
    many(
        "mime-apple-alternative",
        "alternative",
        plain("Antes\n\nDespués\n"),
        nest(
            "mixed",
            rich("<p>Antes</p>"),
            file("o.pdf", PDF, "application/pdf"),
            rich("<p>Después</p>"),
            mark="=_in",
        ),
    )
    many(
        "mime-related-cid",
        "related",
        rich('<p>Vea: <img src="cid:img1@x" alt="pantalla"></p>'),
        file(
            "p.png",
            PNG,
            "image/png",
            Content_ID="<img1@x>",
            Content_Disposition="inline; filename=p.png",
        ),
    )
    many(
        "mime-related-unused-cid",
        "related",
        rich('<p>Sin imagen <img src="cid:falta@x" alt="logo"></p>'),
        file("p.png", PNG, "image/png", Content_ID="<otra@x>"),
    )
    many(
        "mime-related-start",
        "related",
        file("p.png", PNG, "image/png", Content_ID="<i@x>"),
        part("text/html; charset=utf-8", "<p>Raíz <img src='cid:i@x'></p>", Content_ID="<raiz@x>"),
        Content_Type='multipart/related; boundary="=_b1"; start="<raiz@x>"',
    )
    many(
        "mime-related-in-alternative",
        "mixed",
        nest(
            "alternative",
            plain("Llano\n"),
            nest(
                "related",
                rich('<p>Rico <img src="cid:l@x"></p>'),
                file("l.png", PNG, "image/png", Content_ID="<l@x>"),
                mark="=_r",
            ),
            mark="=_a",
        ),
        file("o.pdf", PDF, "application/pdf"),
    )
    many(
        "mime-image-only-html",
        "related",
        rich('<img src="cid:i@x">'),
        file("foto.png", PNG, "image/png", Content_ID="<i@x>"),
    )
    many("mime-missing-end", "mixed", plain("Primera\n"), plain("Segunda\n"))
    MAILS["mime-missing-end"] = MAILS["mime-missing-end"].replace(b"--=_b1--\r\n", b"")
    many(
        "mime-cut-in-file", "mixed", plain("Va la foto\n"), file("foto.png", PNG * 20, "image/png")
    )
    MAILS["mime-cut-in-file"] = MAILS["mime-cut-in-file"][:900]
    many(
        "mime-no-boundary-parameter",
        "mixed",
        plain("Uno\n"),
        plain("Dos\n"),
        Content_Type="multipart/mixed",
    )
    many(
        "mime-wrong-boundary",
        "mixed",
        plain("Uno\n"),
        plain("Dos\n"),
        Content_Type='multipart/mixed; boundary="otra"',
    )
    mail(
        "mime-multipart-without-parts",
        "No hay partes aquí, solo texto.\n",
        Content_Type='multipart/mixed; boundary="nada"',
    )
    many(
        "mime-same-boundary-nested",
        "mixed",
        nest("alternative", plain("Llano\n"), rich("<p>Rico</p>"), mark="=_b1"),
        file("o.pdf", PDF, "application/pdf"),
    )
    many(
        "mime-boundary-prefix",
        "mixed",
        nest("alternative", plain("Llano\n"), rich("<p>Rico</p>"), mark="=_b1a"),
        file("o.pdf", PDF, "application/pdf"),
    )
    many("mime-boundary-trailing-space", "mixed", plain("Uno\n"), plain("Dos\n"))
    MAILS["mime-boundary-trailing-space"] = MAILS["mime-boundary-trailing-space"].replace(
        b"--=_b1\r\n", b"--=_b1  \t\r\n"
    )
    many("mime-boundary-odd-characters", "mixed", plain("Uno\n"), mark="a'()+_,-./:=? z")
    many("mime-preamble-text", "mixed", file("o.pdf", PDF, "application/pdf"))
    MAILS["mime-preamble-text"] = MAILS["mime-preamble-text"].replace(
        b"\r\n\r\n--=_b1", b"\r\n\r\nEl texto va antes de las partes.\r\n--=_b1", 1
    )
    many(
        "mime-empty-parts",
        "mixed",
        b"",
        part("text/plain", ""),
        part("application/octet-stream", ""),
    )
    many("mime-no-part-header", "mixed", b"\r\nSin encabezado de parte.\r\n")
    many(
        "mime-signed-pgp",
        "signed",
        plain("Firmado con PGP.\n"),
        part(
            'application/pgp-signature; name="signature.asc"',
            "-----BEGIN PGP SIGNATURE-----\nAAAA\n-----END PGP SIGNATURE-----\n",
        ),
        Content_Type='multipart/signed; micalg=pgp-sha256; protocol="application/pgp-signature"; boundary="=_b1"',
    )
    many(
        "mime-signed-smime",
        "signed",
        nest(
            "mixed",
            plain("Firmado con S/MIME.\n"),
            file("o.pdf", PDF, "application/pdf"),
            mark="=_s",
        ),
        file("smime.p7s", b"0\x80\x06\x09firma", "application/pkcs7-signature"),
        Content_Type='multipart/signed; protocol="application/pkcs7-signature"; boundary="=_b1"',
    )
    many(
        "mime-signed-in-list",
        "mixed",
        nest(
            "signed",
            plain("Firmado y por una lista.\n"),
            part("application/pgp-signature", "AAAA\n"),
            mark="=_s",
        ),
        plain("________________________________\nlista@lists.example.org\n"),
    )
    many(
        "mime-encrypted-pgp",
        "encrypted",
        part("application/pgp-encrypted", "Version: 1\n"),
        part(
            'application/octet-stream; name="encrypted.asc"',
            "-----BEGIN PGP MESSAGE-----\nAAAA\n-----END PGP MESSAGE-----\n",
        ),
        Content_Type='multipart/encrypted; protocol="application/pgp-encrypted"; boundary="=_b1"',
    )
    mail(
        "mime-encrypted-smime",
        b64(b"0\x82\x00\x10\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03xx"),
        Content_Type="application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m",
        Content_Transfer_Encoding="base64",
    )
    mail(
        "mime-signed-opaque",
        b64(_opaque(plain("Firmado y envuelto: la orden no llega.\n"))),
        Content_Type="application/pkcs7-mime; smime-type=signed-data; name=smime.p7m",
        Content_Transfer_Encoding="base64",
        Content_Disposition="attachment; filename=smime.p7m",
    )
    text(
        "mime-pgp-inline-signed",
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nLa orden no llega.\n- -- \nCompras\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n",
    )
    text(
        "mime-pgp-inline-encrypted",
        "-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n",
    )
    invite = "BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:Revisión de la\n  orden 4512\nDTSTART:20261124T150000Z\nLOCATION:Lima\\, sala 2\nORGANIZER;CN=Compras:mailto:compras@andina.example\nEND:VEVENT\nEND:VCALENDAR\n"
    mail(
        "mime-invitation-only", invite, Content_Type="text/calendar; method=REQUEST; charset=utf-8"
    )
    many(
        "mime-invitation-alternative",
        "alternative",
        plain("Los invito.\n"),
        part("text/calendar; method=REQUEST; charset=utf-8", invite),
    )
    inner = (
        head(Subject="El original", From="cliente@example.org", Message_ID="<dentro@example.org>")
        + b"\r\nNo puedo entrar al portal.\r\n"
    )
    many(
        "mime-forwarded-with-note",
        "mixed",
        plain("Vean lo que escribe el cliente.\n"),
        part("message/rfc822", inner),
    )
    many(
        "mime-forwarded-without-note",
        "mixed",
        plain("\n"),
        part("message/rfc822", inner),
        Subject="RV: El original",
    )
    many(
        "mime-forwarded-base64",
        "mixed",
        plain("Nota\n"),
        part(
            "message/rfc822",
            b64(inner),
            Content_Transfer_Encoding="base64",
            Content_Disposition='attachment; filename="caso.eml"',
        ),
    )
    mail("mime-forwarded-root", inner, Content_Type="message/rfc822")
    many("mime-digest", "digest", b"\r\n" + inner, b"\r\n" + inner.replace(b"original", b"segundo"))
    many(
        "mime-tnef",
        "mixed",
        plain("Va en winmail.dat\n"),
        file("winmail.dat", _tnef("orden.txt", b"linea de la orden"), "application/ms-tnef"),
    )
    rtf = rb"{\rtf1\ansi\ansicpg1252\fromtext \fs20 La orden no lleg\'f3.\par}"
    many(
        "mime-tnef-rtf-only",
        "mixed",
        file("winmail.dat", _tnef("orden.txt", b"linea", rtf), "application/ms-tnef"),
    )
    many(
        "mime-tnef-broken",
        "mixed",
        plain("Va roto\n"),
        file("winmail.dat", b'x\x9f>"' + b"\x01" * 40, "application/ms-tnef"),
    )
    many(
        "mime-octet-tnef",
        "mixed",
        plain("Con otro tipo\n"),
        file("winmail.dat", _tnef("nota.txt", b"nota"), "application/octet-stream"),
    )
    many(
        "mime-text-file",
        "mixed",
        plain("El registro va adjunto.\n"),
        part(
            'text/plain; name="registro.log"; charset=utf-8',
            "línea 1\nlínea 2\n",
            Content_Disposition="inline; filename=registro.log",
        ),
    )
    many(
        "mime-html-file",
        "mixed",
        plain("La página va adjunta.\n"),
        part(
            "text/html; name=pagina.html",
            "<p>página</p>",
            Content_Disposition="attachment; filename=pagina.html",
        ),
    )
    many(
        "mime-named-body",
        "mixed",
        part('text/plain; charset=utf-8; name="cuerpo.txt"', "El cuerpo tiene nombre.\n"),
        file("o.pdf", PDF, "application/pdf"),
    )
    mail(
        "mime-pdf-only",
        b64(PDF),
        Content_Type='application/pdf; name="escaneo.pdf"',
        Content_Transfer_Encoding="base64",
        Content_Disposition="attachment; filename=escaneo.pdf",
    )
    mail(
        "mime-body-as-attachment",
        "Todo el cuerpo dice ser adjunto.\n",
        Content_Type="text/plain; charset=utf-8",
        Content_Disposition="attachment",
    )
    mail("mime-type-broken", HOLA, Content_Type="text")
    mail("mime-type-garbage", HOLA, Content_Type="; ; =;charset=utf-8")
    mail("mime-type-html-short", "<p>Hola <b>a todos</b></p>", Content_Type="html")
    mail("mime-type-unknown-text", "clave: valor\n", Content_Type="text/x-yaml; charset=utf-8")
    many(
        "mime-vcard-csv",
        "mixed",
        plain("Datos\n"),
        part("text/vcard; charset=utf-8", "BEGIN:VCARD\nFN:Compras\nEND:VCARD\n"),
        part("text/csv", "a;b\n1;2\n", Content_Disposition="attachment"),
    )
    many(
        "mime-appledouble",
        "mixed",
        plain("De un Mac\n"),
        nest(
            "appledouble",
            part(
                "application/applefile",
                b64(b"\x00\x05\x16\x07"),
                Content_Transfer_Encoding="base64",
            ),
            file("foto.png", PNG, "image/png"),
            mark="=_ad",
        ),
    )
    deep = plain("En el fondo\n")
    for level in range(20):
        deep = nest("mixed", deep, mark=f"=_l{level}")
    many("mime-twenty-levels", "mixed", deep)


def names() -> None:
    """Add file names in every way that programs write them."""
    cases = {
        "rfc2231": "attachment;\r\n filename*0*=utf-8''orden%20n%C3%BAmero;\r\n filename*1*=%204512;\r\n filename*2=\" final.pdf\"",
        "rfc2231-latin1": "attachment; filename*=iso-8859-1'es'factura%20se%F1al.pdf",
        "rfc2231-unordered": 'attachment; filename*1="dos.pdf"; filename*0="uno-"',
        "rfc2231-and-plain": "attachment; filename=\"orden.pdf\"; filename*=utf-8''%C3%B3rden.pdf",
        "rfc2047": 'attachment; filename="=?utf-8?Q?=C3=B3rden_4512.pdf?="',
        "rfc2047-folded": 'attachment; filename="=?utf-8?B?w7NyZGVuIG7Dum1lcm8gNDUxMg==?=\r\n =?utf-8?B?IGZpbmFsLnBkZg==?="',
        "raw-utf8": 'attachment; filename="órden número.pdf"',
        "path": 'attachment; filename="C:\\\\Users\\\\compras\\\\..\\\\orden.pdf"',
        "traversal": 'attachment; filename="../../etc/passwd"',
        "dots": 'attachment; filename="..."',
        "unquoted-spaces": "attachment; filename=orden número 4512.pdf",
        "unclosed": 'attachment; filename="orden.pdf',
        "bidi": "attachment; filename*=utf-8''informe%E2%80%AEfdp.exe",
        "long": 'attachment; filename="' + "muy-largo-" * 40 + '.pdf"',
        "semicolon": 'attachment; filename="a;b=c.pdf"',
        "broken-percent": "attachment; filename*=utf-8''orden%ZZ%C3.pdf",
        "unknown-charset": "attachment; filename*=x-none''%C3%B3rden.pdf",
        "newline": "attachment; filename*=utf-8''a%0D%0ABcc%3A%20x.pdf",
    }
    for key, disposition in cases.items():
        many(
            f"name-{key}",
            "mixed",
            plain("Adjunto.\n"),
            part(
                "application/pdf",
                b64(PDF),
                Content_Transfer_Encoding="base64",
                Content_Disposition=disposition,
            ),
        )
    many(
        "name-none",
        "mixed",
        plain("Adjuntos.\n"),
        part("application/pdf", b64(PDF), Content_Transfer_Encoding="base64"),
        part("image/jpeg", b64(b"\xff\xd8\xff"), Content_Transfer_Encoding="base64"),
    )
    many(
        "name-same-twice",
        "mixed",
        plain("Adjuntos.\n"),
        file("a.pdf", PDF, "application/pdf"),
        file("a.pdf", PDF + b"2", "application/pdf"),
    )
    many(
        "name-in-type-only",
        "mixed",
        plain("Adjunto.\n"),
        part(
            "application/pdf; name*=utf-8''%C3%B3rden.pdf",
            b64(PDF),
            Content_Transfer_Encoding="base64",
        ),
    )


def _opaque(content: bytes) -> bytes:
    def element(tag: int, data: bytes) -> bytes:
        size = len(data)
        length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
        return bytes([tag]) + length + data

    signed = bytes.fromhex("2a864886f70d010702")
    data = bytes.fromhex("2a864886f70d010701")
    wrapped = element(0x30, element(0x06, data) + element(0xA0, element(0x04, content)))
    inner = element(
        0x30, element(0x02, b"\x01") + element(0x31, b"") + wrapped + element(0x31, b"")
    )
    return element(0x30, element(0x06, signed) + element(0xA0, inner))


def _tnef(name: str, data: bytes, rtf: bytes = b"") -> bytes:
    def number(value: int) -> bytes:
        return value.to_bytes(4, "little")

    packed = number(len(rtf) + 12) + number(len(rtf)) + b"MELA" + number(0) + rtf
    words = number(1) + b"\x02\x01\x09\x10" + number(1) + number(len(packed)) + packed
    words += b"\x00" * (-len(packed) % 4)

    def attribute(level: int, ident: int, value: bytes) -> bytes:
        head = bytes([level]) + ident.to_bytes(4, "little") + len(value).to_bytes(4, "little")
        return head + value + (sum(value) & 0xFFFF).to_bytes(2, "little")

    return (
        0x223E9F78.to_bytes(4, "little")
        + b"\x01\x00"
        + attribute(1, 0x00089006, b"\x00\x00\x01\x00")
        + (attribute(1, 0x00069003, words) if rtf else b"")
        + attribute(2, 0x00069002, b"\x01\x00" + b"\xff" * 4 + b"\x00" * 8)
        + attribute(2, 0x00018010, name.encode() + b"\x00")
        + attribute(2, 0x0006800F, data)
    )


def main() -> None:
    """Write every mail of the corpus."""
    from tests.channels.email import writing_bodies, writing_machines

    for fill in (
        charsets,
        encodings,
        header_fields,
        structure,
        names,
        writing_bodies.fill,
        writing_machines.fill,
    ):
        fill()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.eml"):
        old.unlink()
    for name, data in MAILS.items():
        assert len(data) < 20_000, name
        (FOLDER / f"{name}.eml").write_bytes(data)


if __name__ == "__main__":
    from tests.channels.email.writing import main as of_the_module

    of_the_module()
