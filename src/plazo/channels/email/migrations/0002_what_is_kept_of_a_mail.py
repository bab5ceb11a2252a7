import django.db.models.deletion
import django.db.models.functions.comparison
from django.db import migrations, models

# What a source named is kept apart from what was found out later; the headers of mails that were
# too large say that they are no mails. Constraints are checked at once, so that the table may be
# altered in the same transaction.
FILL = """
UPDATE mail_intakerecord SET accepted_for_id = mailbox_id WHERE source_key IS NULL;
UPDATE mail_intakerecord SET partial = TRUE WHERE reason = 'too_large' AND fate = 'parked';
SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("mail", "0001_initial"),
        ("mailboxes", "0002_fetched_from"),
        ("tickets", "0003_mail"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="intakerecord", name="intake_once_without_key"),
        migrations.AddField(
            model_name="intakerecord",
            name="accepted_for",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="mailboxes.mailbox",
            ),
        ),
        migrations.AddField(
            model_name="intakerecord",
            name="insisted_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.agent",
            ),
        ),
        migrations.AddField(
            model_name="intakerecord",
            name="occasion",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="intakerecord", name="partial", field=models.BooleanField(default=False)
        ),
        migrations.AddField(
            model_name="intakerecord",
            name="reply_to",
            field=models.CharField(blank=True, max_length=320),
        ),
        migrations.AlterField(
            model_name="intakerecord",
            name="reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", ""),
                    ("parser_died", "reading it killed the reader"),
                    ("parser_slow", "reading it took too long"),
                    ("parser_memory", "reading it took too much memory"),
                    ("fault", "an error of ours, several times"),
                    ("too_large", "larger than what is taken"),
                    ("no_sender", "it has no sender that can be answered"),
                    ("bounce", "a delivery report about a mail that we do not know"),
                    ("auto_reply", "an automatic answer to nothing that we know"),
                    ("auto_generated", "written by a machine that we do not know"),
                    ("list", "from a mailing list or a bulk sender"),
                    (
                        "agent_unproven",
                        "in an agent's name, without proof that it is theirs",
                    ),
                    ("own_address", "from our own address, and not sent by us"),
                    ("refused", "an agent's answer that the case does not take"),
                    ("duplicate", "the same mail came before"),
                    ("own", "our own mail came back"),
                    ("doctor", "a test of the mail doctor"),
                    ("bounced", "a delivery report about a mail of ours"),
                    ("delayed", "a report that a mail of ours is late"),
                    ("machine", "an automatic answer, without effect"),
                    ("note", "an agent's internal note"),
                    ("reply", "an agent's reply"),
                ],
                default="",
                max_length=16,
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="intakerecord",
            constraint=models.UniqueConstraint(
                models.F("digest"),
                django.db.models.functions.comparison.Coalesce("accepted_for", 0),
                models.F("occasion"),
                condition=models.Q(("source_key__isnull", True)),
                name="intake_once_without_key",
            ),
        ),
        migrations.AddConstraint(
            model_name="intakerecord",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("partial", True), _negated=True),
                    ("fate", "parked"),
                    _connector="OR",
                ),
                name="intake_partial_is_parked",
            ),
        ),
    ]
