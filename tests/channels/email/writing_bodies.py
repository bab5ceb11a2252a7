"""Bodies of the corpus: histories, signatures and HTML as mail programs write them."""

import base64

from tests.channels.email.writing import HOLA, PNG, html, many, plain, rich, text

RE = {"Subject": "Re: La orden no llega", "In_Reply_To": "<caso.7@iws.example>"}
NEW = "Sigue igual, la orden 4512 no llega."
OLD = "Hola,\n\nya revisamos la orden.\n\nSoporte"
ADDRESS = '<a href="mailto:soporte@iws.example">soporte@iws.example</a>'


def quoted(words: str) -> str:
    """Return text with marks before its lines."""
    return "\n".join(f"> {line}".rstrip() for line in words.split("\n"))


def answer(
    name: str, opening: str, *, new: str = NEW, old: str = OLD, marked: bool = True, **fields: str
) -> None:
    """Add a plain answer above a history."""
    text(name, f"{new}\n\n{opening}\n{quoted(old) if marked else old}\n", **RE | fields)


def gmail(attribution: str, new: str = NEW, after: str = "") -> str:
    """Return an answer as Gmail writes it."""
    return (
        f'<div dir="ltr">{new}</div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">{attribution}<br></div>'
        '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex"><div>Hola,</div>'
        f"<div>ya revisamos la orden.</div></blockquote>{after}</div>"
    )


def fill() -> None:
    """Add all bodies."""
    _plain_histories()
    _html_histories()
    _forwards()
    _signatures()
    _html_itself()


def _plain_histories() -> None:
    answer(
        "quote-gmail-es",
        "El lun, 23 nov 2026 a las 10:14, Soporte IWS (<soporte@iws.example>)\nescribió:\n",
    )
    answer(
        "quote-gmail-es419",
        "El lun., 23 de nov. de 2026 a la(s) 10:14 a. m., Soporte IWS (\nsoporte@iws.example) escribió:\n",
    )
    answer(
        "quote-gmail-en",
        "On Mon, Nov 23, 2026 at 10:14 AM Soporte IWS <soporte@iws.example>\nwrote:\n",
        new="Still the same.",
    )
    answer(
        "quote-gmail-pt",
        "Em seg., 23 de nov. de 2026 às 10:14, Soporte IWS <soporte@iws.example>\nescreveu:\n",
        new="O pedido não chegou ainda.",
    )
    answer(
        "quote-gmail-pt-pt",
        "Soporte IWS <soporte@iws.example> escreveu no dia segunda, 23/11/2026 à(s)\n10:14:\n",
        new="O pedido não chegou ainda.",
    )
    answer("quote-gmail-2012", "2026-11-23 10:14 GMT-05:00 Soporte IWS <soporte@iws.example>:\n")
    answer(
        "quote-apple-es",
        "El 23 nov 2026, a las 10:14, Soporte IWS <soporte@iws.example> escribió:\n",
    )
    answer(
        "quote-apple-es419",
        "El 23 nov. 2026, a la(s) 10:14, Soporte IWS <soporte@iws.example> escribió:\n",
    )
    answer(
        "quote-apple-en",
        "On 23 Nov 2026, at 10:14, Soporte IWS <soporte@iws.example> wrote:\n",
        new="Still the same.",
    )
    answer(
        "quote-apple-pt",
        "Em 23 de nov. de 2026, à(s) 10:14, Soporte IWS <soporte@iws.example> escreveu:\n",
        new="O pedido não chegou ainda.",
    )
    answer("quote-thunderbird-es", "El 23/11/26 a las 10:14, Soporte IWS escribió:")
    answer(
        "quote-thunderbird-pt",
        "Em 23/11/2026 10:14, Soporte IWS escreveu:",
        new="O pedido não chegou ainda.",
    )
    answer(
        "quote-yahoo-es",
        "El lunes, 23 de noviembre de 2026, 10:14:05 GMT-5, Soporte IWS <soporte@iws.example> escribió:\n\n",
        marked=False,
    )
    answer(
        "quote-proton-en",
        "On Monday, November 23rd, 2026 at 10:14 AM, Soporte IWS <soporte@iws.example> wrote:\n",
        new="Still the same.",
    )
    answer("quote-roundcube", "El 2026-11-23 10:14, Soporte IWS escribió:")
    answer(
        "quote-verb-first",
        "Soporte IWS <soporte@iws.example> escribió el lun., 23 nov 2026 10:14:\n",
    )
    block = "De: Soporte IWS <soporte@iws.example>\nEnviado el: lunes, 23 de noviembre de 2026 10:14\nPara: Compras Andina <compras@andina.example>\nAsunto: La orden no llega\n"
    answer("quote-outlook-es", block, marked=False)
    answer(
        "quote-outlook-es-mobile",
        "________________________________\nDe: Soporte IWS <soporte@iws.example>\nEnviado: lunes, 23 de noviembre de 2026 10:14:05\nPara: Compras\nAsunto: La orden no llega\n",
        marked=False,
        new=f"{NEW}\n\nObtener Outlook para Android<https://aka.ms/AAb9ysg>",
    )
    answer(
        "quote-outlook-en-internal",
        "From: Soporte IWS\nSent: Monday, November 23, 2026 10:14 AM\nTo: Compras\nSubject: La orden no llega\n",
        marked=False,
        new="Still the same.",
    )
    answer(
        "quote-outlook-pt",
        "De: Soporte IWS <soporte@iws.example>\nEnviada em: segunda-feira, 23 de novembro de 2026 10:14\nPara: Compras\nAssunto: A ordem\n",
        marked=False,
        new="O pedido não chegou ainda.",
    )
    answer(
        "quote-outlook-bold",
        "*De:* Soporte IWS <soporte@iws.example>\n*Enviado el:* lunes, 23 de noviembre de 2026 10:14\n*Para:* Compras\n*Asunto:* La orden\n",
        marked=False,
    )
    answer("quote-outlook-divider", "-----Mensaje original-----\n" + block, marked=False)
    answer(
        "quote-outlook-divider-en",
        "-----Original Message-----\nFrom: soporte@iws.example [mailto:soporte@iws.example]\nSent: Monday, November 23, 2026 10:14 AM\nTo: Compras\nSubject: La orden\n",
        marked=False,
        new="Still the same.",
    )
    answer(
        "quote-outlook-wrapped-to",
        "De: Soporte IWS <soporte@iws.example>\nEnviado el: lunes, 23 de noviembre de 2026 10:14\nPara: Compras <compras@andina.example>; Almacén\n <almacen@andina.example>; Dirección <direccion@andina.example>\nCC: Ventas <ventas@andina.example>\nAsunto: La orden\n",
        marked=False,
    )
    answer(
        "quote-nested",
        "El lun, 23 nov 2026 a las 10:14, Soporte IWS (<soporte@iws.example>) escribió:\n",
        old=OLD
        + "\n\n"
        + "El dom, 22 nov 2026 a las 9:00, Compras escribió:\n"
        + quoted("No llega."),
    )
    text("quote-marks-only", f"{NEW}\n\n{quoted(OLD)}\n", **RE)
    text(
        "quote-marks-no-reply",
        "El proveedor dice:\n\n> no recibimos nada\n> desde el lunes\n",
        Subject="Orden",
    )
    text(
        "quote-bottom-posting",
        f"El 23/11/26 a las 10:14, Soporte IWS escribió:\n{quoted(OLD)}\n\n{NEW}\n\n-- \nCompras\n",
        **RE,
    )
    text(
        "quote-inline-answers",
        "Hola, respondo abajo.\n\nEl 23/11/26 a las 10:14, Soporte IWS escribió:\n> ¿Qué orden es?\n\nLa 4512.\n\n> ¿Desde cuándo?\n\nDesde el lunes.\n\n> Gracias\n",
        **RE,
    )
    text(
        "quote-everything-quoted",
        f"El 23/11/26 a las 10:14, Soporte IWS escribió:\n{quoted(OLD)}\n",
        **RE,
    )
    text(
        "quote-wrapped-stumps",
        f"{NEW}\n\nEl 23/11/26 a las 10:14, Soporte IWS escribió:\n> una línea citada que es tan larga que el programa de correo la\npartió.\n> y sigue\n",
        **RE,
    )
    text(
        "quote-list-footer",
        f"{NEW}\n\nEl 23/11/26 a las 10:14, Soporte IWS escribió:\n{quoted(OLD)}\n_______________________________________________\nusuarios mailing list\nusuarios@lists.example.org\n",
        **RE,
    )
    text(
        "quote-signature-between",
        f"{NEW}\n-- \nCompras Andina\nTel. 555-0100\n\nEl 23/11/26 a las 10:14, Soporte IWS escribió:\n{quoted(OLD)}\n",
        **RE,
    )
    text(
        "decoy-escribio",
        "El 3/2/2026 el cliente escribió:\nque no podía entrar al portal.\nPor favor revisen si fue el 3/2 o el 4/2.\n",
        Subject="Consulta",
    )
    text(
        "decoy-de-para",
        "Pido el traslado siguiente.\n\nDe: almacén Lima\nPara: almacén Tumbes\nFecha: 24 de noviembre de 2026\nAsunto: carga de 40 cajas\n\nConfirmen, por favor.\n",
        Subject="Traslado",
    )
    text(
        "decoy-wrote",
        "My boss wrote:\nplease fix the order today.\nI agree with her.\n",
        Subject="Order",
    )
    text("decoy-greater", "Falla con archivos\n> 5 MB pesa el nuestro\ny no abre.\n", **RE)
    text(
        "decoy-rule",
        "Primera parte\n------------------------------\nDe: aquí en adelante todo falla.\nSegunda parte\n",
        **RE,
    )
    text("decoy-dashes", "Pasos:\n--\nuno\ndos\n" + "tres\n" * 20, Subject="Pasos")
    text(
        "quote-token-in-history",
        f"{NEW}\n\nEl 23/11/26 a las 10:14, Soporte IWS escribió:\n> Hola [plazo:r7k-abcdefghijklmnop2345]\n",
        **RE,
    )


def _html_histories() -> None:
    html(
        "html-gmail-es",
        gmail(f"El lun, 23 nov 2026 a las 10:14, Soporte IWS (&lt;{ADDRESS}&gt;) escribió:"),
        **RE,
    )
    html(
        "html-gmail-bottom",
        gmail(
            "On Mon, Nov 23, 2026 at 10:14 AM Soporte wrote:",
            new="",
            after=f"<div><br></div><div>{NEW}</div>",
        ),
        **RE,
    )
    html(
        "html-gmail-inline",
        '<div class="gmail_quote"><div class="gmail_attr">El lun, 23 nov 2026 a las 10:14, Soporte escribió:<br></div><blockquote class="gmail_quote"><div>¿Qué orden es?</div></blockquote><div>La 4512.</div><blockquote class="gmail_quote"><div>¿Desde cuándo?</div></blockquote><div>Desde el lunes.</div></div>',
        **RE,
    )
    html(
        "html-gmail-signature",
        f'<div dir="ltr">{NEW}<br clear="all"><div><br></div>-- <br><div dir="ltr" class="gmail_signature"><div>Compras Andina</div><div>Tel. 555-0100</div></div></div>'
        + gmail("El lun, 23 nov 2026 a las 10:14, Soporte escribió:", new=""),
        **RE,
    )
    html(
        "html-gmail-old",
        f'{NEW}<br><div class="gmail_extra"><br><div class="gmail_quote">2026-11-23 10:14 GMT-05:00 Soporte <span dir="ltr">&lt;{ADDRESS}&gt;</span>:<br><blockquote class="gmail_quote">ya revisamos</blockquote></div></div>',
        **RE,
    )
    html(
        "html-outlook-web-es",
        f'<div style="font-family:Calibri">{NEW}</div><div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr"><font face="Calibri"><b>De:</b> Soporte IWS &lt;soporte@iws.example&gt;<br><b>Enviado:</b> lunes, 23 de noviembre de 2026 10:14<br><b>Para:</b> Compras<br><b>Asunto:</b> La orden</font><div>&nbsp;</div></div><div>Hola,<br>ya revisamos la orden.</div>',
        **RE,
    )
    html(
        "html-outlook-desktop-es",
        f'<div class="WordSection1"><p class="MsoNormal">Buenos días:<o:p></o:p></p><p class="MsoNormal"><o:p>&nbsp;</o:p></p><p class="MsoNormal">{NEW}</p><div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal"><b>De:</b> Soporte IWS &lt;soporte@iws.example&gt;<br><b>Enviado el:</b> lunes, 23 de noviembre de 2026 10:14<br><b>Para:</b> Compras<br><b>Asunto:</b> La orden</p></div></div><p class="MsoNormal">Ya revisamos la orden.</p></div>',
        **RE,
    )
    html(
        "html-outlook-pt-no-container",
        "<p>O pedido não chegou ainda.</p><p>&nbsp;</p><p><b>De:</b> Soporte IWS &lt;soporte@iws.example&gt;<br><b>Enviada em:</b> segunda-feira, 23 de novembro de 2026 10:14<br><b>Para:</b> Compras<br><b>Assunto:</b> A ordem</p><p>Já verificamos.</p>",
        **RE,
    )
    html(
        "html-outlook-mobile",
        f'<div dir="auto">{NEW}</div><div id="ms-outlook-mobile-signature"><div><br></div>Obtener <a href="https://aka.ms/o0ukef">Outlook para iOS</a></div><hr style="display:inline-block;width:98%"><div id="divRplyFwdMsg"><b>From:</b> Soporte<br><b>Sent:</b> Monday, November 23, 2026 10:14<br><b>To:</b> Compras<br><b>Subject:</b> La orden</div><div>ya revisamos</div>',
        **RE,
    )
    html(
        "html-outlook-new",
        f'<div class="elementToProof">{NEW}</div><div id="mail-editor-reference-message-container"><div class="ms-outlook-mobile-reference-message"></div><div style="border-top: 1pt solid rgb(181, 196, 223); padding: 3pt 0in 0in"><b>From: </b>Soporte<br><b>Date: </b>Monday<br><b>To: </b>Compras<br><b>Subject: </b>La orden</div><div>ya revisamos</div></div>',
        **RE,
    )
    html(
        "html-apple-es",
        f'<html><body style="overflow-wrap: break-word;">{NEW}<br id="lineBreakAtBeginningOfMessage"><div><br><blockquote type="cite"><div>El 23 nov 2026, a las 10:14, Soporte IWS &lt;soporte@iws.example&gt; escribió:</div><br class="Apple-interchange-newline"><div><div>ya revisamos la orden</div></div></blockquote></div><br></body></html>',
        **RE,
    )
    html(
        "html-iphone-two-quotes",
        f'<html><body dir="auto">{NEW}<br><div dir="ltr">Enviado desde mi iPhone</div><div dir="ltr"><br><blockquote type="cite">El 23 nov 2026, a las 10:14, Soporte IWS &lt;soporte@iws.example&gt; escribió:<br><br></blockquote></div><blockquote type="cite"><div dir="ltr">ya revisamos la orden</div></blockquote></body></html>',
        **RE,
    )
    html(
        "html-apple-attribution-outside",
        f'<body>{NEW}<div><br><div>On 23 Nov 2026, at 10:14, Soporte IWS &lt;<a href="mailto:soporte@iws.example">soporte@iws.example</a>&gt; wrote:</div><br class="Apple-interchange-newline"><blockquote type="cite">ya revisamos</blockquote></div></body>',
        **RE,
    )
    html(
        "html-thunderbird-es",
        f'<p>{NEW}<br></p><div class="moz-cite-prefix">El 23/11/26 a las 10:14, Soporte IWS escribió:<br></div><blockquote type="cite" cite="mid:caso.7@iws.example"><p>ya revisamos la orden</p></blockquote><div class="moz-signature">-- <br>Compras Andina</div>',
        **RE,
    )
    html(
        "html-thunderbird-inline",
        '<div class="moz-cite-prefix">El 23/11/26 a las 10:14, Soporte escribió:<br></div><blockquote type="cite">¿Qué orden es?</blockquote><p>La 4512.</p><blockquote type="cite">¿Desde cuándo?</blockquote><p>Desde el lunes.</p>',
        **RE,
    )
    html(
        "html-thunderbird-bottom",
        f'<div class="moz-cite-prefix">El 23/11/26 a las 10:14, Soporte escribió:<br></div><blockquote type="cite">¿Qué orden es?</blockquote><p>{NEW}</p>',
        **RE,
    )
    html(
        "html-yahoo-es",
        f'<div class="ydp1yahoo-style-wrap"><div>{NEW}</div></div><div id="ydp2yahoo_quoted_1" class="yahoo_quoted"><div><div>El lunes, 23 de noviembre de 2026, 10:14:05 GMT-5, Soporte IWS &lt;soporte@iws.example&gt; escribió: </div><div>ya revisamos la orden</div></div></div>',
        **RE,
    )
    html(
        "html-proton",
        f'<div style="font-family: Arial">{NEW}</div><div class="protonmail_signature_block"><div class="protonmail_signature_block-user">Compras</div><div class="protonmail_signature_block-proton">Enviado con el correo electrónico seguro de <a href="https://proton.me/mail/home">Proton Mail</a>.</div></div><div class="protonmail_quote">El lunes, 23 de noviembre de 2026 a las 10:14, Soporte IWS &lt;soporte@iws.example&gt; escribió:<br><blockquote class="protonmail_quote" type="cite">ya revisamos</blockquote></div>',
        **RE,
    )
    html(
        "html-zimbra",
        f'<div>{NEW}</div><hr id="zwchr"><div><b>De: </b>"Soporte" &lt;soporte@iws.example&gt;<br><b>Para: </b>"Compras"<br><b>Enviados: </b>Lunes, 23 de Noviembre 2026 10:14:05<br><b>Asunto: </b>La orden</div><div>ya revisamos</div>',
        **RE,
    )
    html(
        "html-everything-quoted",
        '<blockquote type="cite"><div>Todo el mensaje está citado.</div></blockquote>',
        **RE,
    )
    html(
        "html-blockquote-own",
        "<p>El proveedor dice:</p><blockquote><p>no recibimos nada</p></blockquote><p>¿Qué hacemos?</p>",
    )
    many(
        "html-alternative-with-history",
        "alternative",
        plain(f"{NEW}\n\nEl lun, 23 nov 2026 a las 10:14, Soporte escribió:\n\n> ya revisamos\n"),
        rich(gmail("El lun, 23 nov 2026 a las 10:14, Soporte escribió:")),
        **RE,
    )
    html(
        "html-disclaimer-after-quote",
        gmail("El lun, 23 nov 2026 a las 10:14, Soporte escribió:")
        + "<br><p>AVISO LEGAL: Este mensaje es confidencial y va dirigido a su destinatario.</p>",
        **RE,
    )


def _forwards() -> None:
    block = "De: Cliente <cliente@example.org>\nEnviado el: lunes, 23 de noviembre de 2026 9:00\nPara: Compras\nAsunto: No puedo entrar\n\nNo puedo entrar al portal.\n"
    text(
        "forward-gmail-empty",
        "---------- Forwarded message ---------\nDe: Cliente <cliente@example.org>\nDate: lun, 23 nov 2026 a las 9:00\nSubject: No puedo entrar\nTo: Compras <compras@andina.example>\n\n\nNo puedo entrar al portal.\n",
        Subject="Fwd: No puedo entrar",
    )
    text(
        "forward-gmail-note",
        "¿Lo ven ustedes?\n\n---------- Forwarded message ---------\nDe: Cliente <cliente@example.org>\nDate: lun, 23 nov 2026 a las 9:00\nSubject: No puedo entrar\nTo: Compras <compras@andina.example>\n\n\nNo puedo entrar al portal.\n",
        Subject="Fwd: No puedo entrar",
    )
    text("forward-outlook-empty", block, Subject="RV: No puedo entrar")
    text("forward-outlook-note", "Por favor atender.\n\n" + block, Subject="RV: No puedo entrar")
    text(
        "forward-answered",
        "Ya pude, gracias.\n\n" + block,
        **RE | {"Subject": "RE: RV: No puedo entrar"},
    )
    text(
        "forward-apple",
        "Vean:\n\nInicio del mensaje reenviado:\n\n> De: Cliente <cliente@example.org>\n> Asunto: No puedo entrar\n> Fecha: 23 de noviembre de 2026, 9:00:00\n> Para: Compras\n>\n> No puedo entrar al portal.\n",
        Subject="Fwd: No puedo entrar",
    )
    html(
        "forward-gmail-html-note",
        '<div dir="ltr">¿Lo ven?<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">---------- Forwarded message ---------<br>De: <b>Cliente</b> &lt;cliente@example.org&gt;<br>Date: lun, 23 nov 2026 a las 9:00<br>Subject: No puedo entrar<br></div><br>No puedo entrar al portal.</div></div>',
        Subject="Fwd: No puedo entrar",
    )
    html(
        "forward-outlook-html-empty",
        '<div></div><hr><div id="divRplyFwdMsg"><b>De:</b> Cliente<br><b>Enviado:</b> lunes, 23 de noviembre de 2026 9:00<br><b>Para:</b> Compras<br><b>Asunto:</b> No puedo entrar</div><div>No puedo entrar al portal.</div>',
        Subject="No puedo entrar",
    )


def _signatures() -> None:
    text("signature-dashes", f"{HOLA}\n-- \nCompras Andina\nTel. 555-0100\n")
    text("signature-dashes-no-space", f"{HOLA}\n--\nCompras Andina\n")
    answer = {"Subject": "Re: La orden", "In_Reply_To": "<caso.7@iws.example>"}
    text("signature-dashes-in-answer", f"{HOLA}\n-- \nCompras Andina\nTel. 555-0100\n", **answer)
    text("signature-dashes-no-space-in-answer", f"{HOLA}\n--\nCompras Andina\n", **answer)
    text(
        "decoy-dashes-and-a-query",
        "Comando:\n-- \nselect * from ordenes;\n\ny falla con error 500.\n",
    )
    text(
        "decoy-attribution",
        "Hola,\n\nEl 24 de noviembre de 2026 a las 10:14 el cliente escribió:\n\nno me llega la orden\n\ny por eso pido ayuda.\n",
    )
    text(
        "decoy-pasted-header",
        "Nos llegó esto:\n\nFrom: ventas@x.example\nTo: y@z.example\nSubject: cosa\nDate: 24/11/2026 10:14\n\n¿Es legítimo?\n",
    )
    text("signature-iphone-es", f"{HOLA}\nEnviado desde mi iPhone\n")
    text("signature-iphone-pt", "O pedido não chegou.\n\nEnviado do meu iPhone\n")
    text(
        "signature-outlook-android",
        f"{HOLA}\nObtener Outlook para Android<https://aka.ms/AAb9ysg>\n",
    )
    text(
        "signature-disclaimer-es",
        f"{HOLA}\nCompras Andina\n\nAVISO DE CONFIDENCIALIDAD: Este mensaje y sus adjuntos van dirigidos a su destinatario y pueden\ncontener información confidencial. Si lo recibió por error, bórrelo.\n",
    )
    text(
        "signature-disclaimer-pt",
        "O pedido não chegou.\n\nEsta mensagem pode conter informação confidencial e destina-se ao destinatário.\n",
    )
    text("signature-only", "-- \nCompras Andina\n")
    text(
        "decoy-este-mensaje",
        "Adjunto la captura.\n\nEste mensaje aparece al abrir el portal: error 500.\n",
    )
    html(
        "signature-iphone-html",
        f"<div>{NEW}</div><div><br></div><div>Enviado desde mi iPhone</div>",
    )


def _html_itself() -> None:
    html(
        "html-dangerous",
        '<p onclick="x()">Hola<script>alert(1)</script><style>p{color:red}</style><iframe src="http://e.example"></iframe><a href="javascript:alert(1)">uno</a> <a href="https://ok.example/x?a=1&amp;b=2">dos</a><img src=x onerror=alert(1)><svg><script>alert(2)</script></svg><form action="http://e.example"><input name=q></form><object data="x"></object></p>',
    )
    html(
        "html-remote-images",
        '<p>Logo: <img src="https://cdn.example.net/logo.png" alt="Andina" width="40"><img src="http://track.example.org/p?id=1"><img src="//sin.example/x.png"><img src="data:image/png;base64,AAAA" alt="dato"><img src="file:///c:/x.png" alt="local"></p>',
    )
    html(
        "html-pasted-picture",
        f"<p>Sale esto: <img src='data:image/png;base64,{base64.b64encode(PNG).decode()}' alt='pantalla'></p>",
    )
    html(
        "html-table",
        "<table><tr><th>Orden</th><th>Estado</th></tr><tr><td>4512</td><td>pendiente</td></tr><tr><td>4513</td><td>enviada</td></tr></table>",
    )
    html(
        "html-lists",
        "<h2>Pasos</h2><ol><li>Entrar</li><li>Buscar<ul><li>por número</li><li>por fecha</li></ul></li></ol><p>Fin</p><pre>linea 1\n  linea 2</pre><p>uso <code>plazo</code> &amp; más &lt;b&gt;</p>",
    )
    html(
        "html-links",
        '<p>Vea <a href="https://portal.example/orden/4512">la orden</a>, <a href="https://portal.example">https://portal.example/</a>, <a href="mailto:ventas@andina.example">ventas</a> y <a href="#ancla">abajo</a>.</p>',
    )
    html(
        "html-divs-and-breaks",
        "<div>uno</div><div>dos<br></div><div><br></div><div>tres</div>cuatro<br><br>cinco<p>seis</p><p>siete</p>",
    )
    html("html-broken-tags", "<p>Uno <b>dos <i>tres</p><div>cuatro</b></div></table><td>cinco<p")
    html(
        "html-comments-and-conditionals",
        "<!--[if mso]><p>solo Word</p><![endif]--><p>Todos<!-- no --> leen</p><![CDATA[ dato ]]>",
    )
    html(
        "html-entities",
        "<p>5 &euro; &lt; 6 &#8364; &nbsp;y &aacute;rbol &unknown; &#0; &#x1F69A;</p>",
    )
    html("html-hidden-text", '<div style="display:none">preencabezado oculto</div><p>Visible</p>')
    html("html-empty", "<html><head><title>nada</title></head><body></body></html>")
    html("html-no-tags", "Texto sin ninguna etiqueta\nen dos líneas")
    html("html-private-characters", "<p>marca \ue010\ue011\ue010 dentro</p>")
    html(
        "html-token",
        f'{NEW}<div style="color:#fff;font-size:1px">[plazo:r7k-ABCDEFGHIJKLMNOP2345]</div>',
        **RE,
    )
    html(
        "html-layout-table",
        '<table width="600"><tr><td><table><tr><td><p>Estimado equipo:</p><p>La orden no llega.</p></td></tr></table></td></tr><tr><td>Pie de página</td></tr></table>',
    )
