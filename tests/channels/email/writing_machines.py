"""Machines of the corpus, and people who look like machines."""

from tests.channels.email.writing import HOLA, b, b64, head, html, mail, many, part, plain, text

BOUNCE = {
    "From": "Mail Delivery System <MAILER-DAEMON@mx.example.net>",
    "To": "soporte+b12@iws.example",
    "Subject": "Undelivered Mail Returned to Sender",
    "Return_Path": "<>",
}
RETURNED = (
    head(
        From="soporte@iws.example",
        To="cliente@example.org",
        Subject="Su caso 7",
        Message_ID="<plazo.12.abc@iws.example>",
    )
    + b"\r\nHola\r\n"
)


def status(*blocks: str) -> bytes:
    """Return a delivery status."""
    return part(
        "message/delivery-status",
        "\n\n".join(("Reporting-MTA: dns; mx.example.net", *blocks)) + "\n",
    )


def block(recipient: str, action: str, code: str, words: str = "") -> str:
    """Return what a report says of one recipient."""
    diagnostic = f"\nDiagnostic-Code: smtp; {words}" if words else ""
    return f"Final-Recipient: rfc822; {recipient}\nAction: {action}\nStatus: {code}{diagnostic}"


def report(name: str, *parts: bytes, **fields: str) -> None:
    """Add a delivery report."""
    kind = 'multipart/report; report-type=delivery-status; boundary="=_b1"'
    many(name, "report", *parts, **BOUNCE | {"Content_Type": kind} | fields)


def fill() -> None:
    """Add all machines."""
    _bounces()
    _answers()
    _others()
    _people()


def _bounces() -> None:
    words = plain("I could not deliver your message.\n")
    returned = part("message/rfc822", RETURNED)
    report(
        "bounce-postfix",
        words,
        status(
            block(
                "cliente@example.org",
                "failed",
                "5.1.1",
                "550 5.1.1 <cliente@example.org>:\n  User unknown",
            )
        ),
        returned,
    )
    report(
        "bounce-delayed",
        words,
        status(block("cliente@example.org", "delayed", "4.4.1", "connect timed out")),
        part("text/rfc822-headers", RETURNED.partition(b"\r\n\r\n")[0] + b"\r\n"),
        Subject="Delayed Mail (still being retried)",
    )
    report(
        "bounce-expired",
        words,
        status(block("cliente@example.org", "failed", "4.4.7", "delivery time expired")),
        returned,
    )
    report(
        "bounce-two-recipients",
        words,
        status(
            block("Uno@example.org", "failed", "5.2.2"),
            block("dos@example.org", "delayed", "4.2.2"),
            block("tres@example.org", "delivered", "2.0.0"),
        ),
        returned,
    )
    report(
        "bounce-no-status-digits",
        words,
        status(
            "Final-Recipient: rfc822; cliente@example.org\nAction: failed\nDiagnostic-Code: smtp; 550 5.7.1 blocked"
        ),
        returned,
    )
    report(
        "bounce-unknown-code",
        words,
        status(block("cliente@example.org", "failed", "5.7.999")),
        returned,
    )
    report(
        "bounce-outlook",
        words,
        status(block("cliente@example.org", "failed", "5.1.10")),
        part("message/rfc822", RETURNED),
        From="Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@andina.example>",
        Subject="No entregado: Su caso 7",
    )
    report(
        "bounce-base64-returned",
        words,
        part(
            "message/delivery-status",
            b64(b(block("cliente@example.org", "failed", "5.1.1"))),
            Content_Transfer_Encoding="base64",
        ),
        part("text/rfc822-headers", b64(RETURNED), Content_Transfer_Encoding="base64"),
    )
    text(
        "bounce-qmail",
        "Hi. This is the qmail-send program at mx.example.net.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n<cliente@example.org>:\n192.0.2.9 does not like recipient.\nRemote host said: 550 no such user\nGiving up on 192.0.2.9.\n\n--- Below this line is a copy of the message.\n\n"
        + RETURNED.decode().replace("\r\n", "\n"),
        **BOUNCE | {"Subject": "failure notice"},
    )
    text(
        "bounce-exim",
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered. The following address(es) failed:\n\n  cliente@example.org\n    SMTP error from remote mail server: 550 unknown\n\n------ This is a copy of the message, including all the headers. ------\n\n"
        + RETURNED.decode().replace("\r\n", "\n"),
        **BOUNCE
        | {
            "X_Failed_Recipients": "cliente@example.org",
            "Subject": "Mail delivery failed: returning message to sender",
        },
    )
    text(
        "bounce-spanish-subject",
        "El mensaje no se pudo entregar a cliente@example.org.\nMessage-ID: <plazo.12.abc@iws.example>\n",
        **BOUNCE
        | {"From": "postmaster@andina.example", "Subject": "No se pudo entregar: Su caso 7"},
    )
    many(
        "bounce-no-report-type",
        "mixed",
        words,
        status(block("cliente@example.org", "failed", "5.1.1")),
        returned,
        **BOUNCE,
    )


def _answers() -> None:
    text(
        "machine-vacation",
        "Estoy fuera hasta el lunes.\n",
        Auto_Submitted="auto-replied (vacation)",
        Subject="Ausente",
    )
    text(
        "machine-auto-reply-subject-all",
        "Estoy fuera.\n",
        Subject="Respuesta automática: La orden",
        X_Auto_Response_Suppress="All",
    )
    text("machine-x-autoreply", "Fuera.\n", X_Autoreply="yes")
    text("machine-precedence-auto-reply", "Fuera.\n", Precedence="auto_reply")
    text("machine-null-sender", "Estoy fuera.\n", Return_Path="<>", Subject="Fuera")
    text("machine-autoresponder-delivered", "Fuera.\n", Delivered_To="Autoresponder")
    many(
        "machine-read-receipt",
        "report",
        plain("Leído.\n"),
        part(
            "message/disposition-notification",
            "Final-Recipient: rfc822; compras@andina.example\nDisposition: manual-action/MDN-sent-manually; displayed\n",
        ),
        Content_Type='multipart/report; report-type=disposition-notification; boundary="=_b1"',
        Subject="Leído: Su caso",
    )
    many(
        "machine-calendar-reply",
        "alternative",
        plain("Aceptado\n"),
        part(
            "text/calendar; method=REPLY; charset=utf-8",
            "BEGIN:VCALENDAR\nMETHOD:REPLY\nEND:VCALENDAR\n",
        ),
        Subject="Aceptada: Revisión",
    )
    text(
        "machine-ooo-pt", "Estou fora.\n", Subject="Resposta automática: pedido", Precedence="bulk"
    )


def _others() -> None:
    text(
        "machine-generated",
        "Espacio en disco al 95 %.\n",
        Auto_Submitted="auto-generated",
        Subject="Alarma",
    )
    text("machine-list", "Boletín\n", List_Id="Boletín <boletin.example.org>", Precedence="list")
    text(
        "machine-unsubscribe",
        "Ofertas\n",
        List_Unsubscribe="<https://ofertas.example/baja>",
        List_Unsubscribe_Post="List-Unsubscribe=One-Click",
    )
    text("machine-precedence-bulk", "Ofertas\n", Precedence="bulk")
    text("machine-freshdesk-loop", "Su caso fue creado.\n", X_FC_MachineGenerated="true")
    text("machine-x-loop", "Su caso fue creado.\n", X_Loop="soporte@otra.example")
    many(
        "machine-complaint",
        "report",
        plain("Queja\n"),
        part("message/feedback-report", "Feedback-Type: abuse\nVersion: 1\n"),
        part("message/rfc822", RETURNED),
        Content_Type='multipart/report; report-type=feedback-report; boundary="=_b1"',
    )


def _people() -> None:
    many(
        "person-attaches-a-report",
        "mixed",
        plain("Me rebota este correo cuando escribo. ¿Me ayudan?\n"),
        status(block("otro@x.example", "failed", "5.1.1")),
    )
    text(
        "person-away-in-subject-with-suppress",
        HOLA,
        Subject="De vacaciones: ¿quién atiende mis órdenes?",
        X_Auto_Response_Suppress="All",
    )
    text(
        "person-away-in-subject-precedence-normal",
        HOLA,
        Subject="Ausente - el técnico no llegó",
        Precedence="normal",
        Auto_Submitted="no",
    )
    text("person-auto-submitted-no", HOLA, Auto_Submitted="no")
    text("person-exchange-suppress", HOLA, X_Auto_Response_Suppress="DR, OOF, AutoReply")
    text(
        "person-writes-of-absence",
        HOLA,
        Subject="Ausencia de respuesta del servidor",
        X_Auto_Response_Suppress="DR, RN, NRN, OOF, AutoReply",
    )
    text(
        "person-answers-auto-reply",
        HOLA,
        Subject="RE: Respuesta automática: La orden",
        X_Auto_Response_Suppress="All",
    )
    text(
        "person-postmaster",
        "Nuestro servidor rechaza su IP.\n",
        From="postmaster@andina.example",
        Subject="Consulta por el correo",
    )
    text("person-x-autoreply-no", HOLA, X_Autoreply="no")
    html(
        "person-writes-undeliverable",
        "<p>El paquete fue devuelto: no se pudo entregar.</p>",
        Subject="Paquete devuelto: no se pudo entregar",
    )
    mail(
        "person-precedence-first-class",
        HOLA,
        Precedence="first-class",
        Content_Type="text/plain; charset=utf-8",
    )
