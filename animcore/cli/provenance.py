"""`animcore provenance`: the marks of files, whether they hold, and what this computer signs with."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from animcore.cli.arguments import add_command
from animcore.core.atomic_files import whole_file
from animcore.errors import AnimcoreError
from animcore.files.avatars import avatar_folder
from animcore.provenance import consent, keys, marks, verification

_EXAMPLES = """examples:
  animcore provenance show line.mp4                     what the file states of itself
  animcore provenance verify out/*.mp4 --json           0 where all are signed and unchanged, else 1
  animcore provenance sign head.glb line.csv            into head.glb.c2pa, line.csv.c2pa
  animcore provenance use studio.pem studio_key.pem     sign with your own certificate
  animcore provenance use studio.pem --command "openssl dgst -sha256 -sign token.pem" --algorithm es256
  animcore provenance use --own | --off                 the key of this computer again; sign no more
  animcore provenance use --watermark on|off            pixels of real persons' videos (default: on)
  animcore provenance template consent.toml             a receipt of consent to fill in

Nothing is sent anywhere, unless you name a time server. docs/provenance.md lists what marks do not protect from."""


def register(commands: Any) -> None:
    """Add the command to the others."""
    parser = add_command(
        commands,
        "provenance",
        "show and verify what files state of how they were made",
        _EXAMPLES,
        "Read the marks of files (C2PA manifests, statements of Animcore), and choose who signs.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    for name, words in (("show", "show the marks of files"), ("verify", "fail where one is not signed and unchanged")):
        one = actions.add_parser(name, help=words)
        one.add_argument("file", nargs="+", type=Path, metavar="FILE", help="files, or folders of avatars")
        one.add_argument("--json", action="store_true", help="print JSON instead of words")
        one.set_defaults(command=_look, is_strict=name == "verify")
    _add_use(actions)
    sign = actions.add_parser("sign", help="sign GLB, CSV, BVH ..., in a .c2pa beside each")
    sign.add_argument("file", nargs="+", type=Path, metavar="FILE", help="that Animcore wrote")
    sign.set_defaults(command=_sign)
    renew = actions.add_parser("consent", help="give an avatar another receipt, such as one that lasts longer")
    renew.add_argument("avatar", type=Path, metavar="DIR", help="folder of the avatar")
    renew.add_argument("receipt", metavar="FILE|own|none", help="as of `animcore avatar from-video --consent`")
    renew.set_defaults(command=_consent)
    template = actions.add_parser("template", help="write a receipt of consent to fill in")
    template.add_argument("file", type=Path, metavar="FILE", help="such as consent.toml")
    template.set_defaults(command=_template)


def _add_use(actions: Any) -> None:
    use = actions.add_parser("use", help="choose the certificate that files are signed with")
    use.add_argument("certificate", nargs="?", type=Path, metavar="CERT", help="chain as PEM, the signer's first")
    use.add_argument("key", nargs="?", type=Path, metavar="KEY", help="private key as PEM; it stays where it is")
    use.add_argument("--command", dest="signer", default="", help="signs its input, such as a PKCS#11 tool, for KEY")
    use.add_argument("--algorithm", default="", help="es256, ps256, ed25519 ... (default: found by the certificate)")
    use.add_argument("--time-server", default="", metavar="URL", help="that confirms the time of each signature")
    which = use.add_mutually_exclusive_group()
    which.add_argument("--own", action="store_true", help="sign with the key that was made on this computer, again")
    which.add_argument("--off", action="store_true", help="sign no more; the plain mark stays")
    which.add_argument("--watermark", choices=("on", "off"), help="mark the pixels of real persons' videos, or no more")
    use.set_defaults(command=_use)


def _look(options: argparse.Namespace) -> int:
    """Show or verify; 0 where all went well, 1 where a file cannot be read or, for `verify`, does not hold."""
    failed, found = False, []
    for path in options.file:
        try:
            verdict = verification.examine(path)
        except AnimcoreError as error:
            failed = True
            found.append({"file": str(path), "state": "unread", "good": False, "error": str(error)})
            print("" if options.json else f"{path}: {error}", end="" if options.json else "\n")
            continue
        failed |= options.is_strict and not verdict.is_good
        found.append(verdict.facts())
        if not options.json:
            print("\n".join(verdict.lines()))
    if options.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    return int(failed)


def _sign(options: argparse.Namespace) -> int:
    for path in options.file:
        print(f"{path}: signed in {marks.sign(path).name}")
    return 0


def _use(options: argparse.Namespace) -> int:
    if options.own or options.off:
        keys.switch(on=options.own)
        print("Files are signed with this computer's key." if options.own else "Files are not signed.")
        return 0
    if options.watermark:
        keys.switch_watermark(on=options.watermark == "on")
        print(f"Videos of real persons get {'a' if options.watermark == 'on' else 'no'} watermark.")
        return 0
    if options.certificate is None:
        raise AnimcoreError(
            "Give a certificate and its key, or --own, --off or --watermark; see `animcore provenance --help`."
        )
    keys.use(options.certificate, options.key, options.signer, options.algorithm, options.time_server)
    print(f"Files are signed with {options.certificate}.")
    return 0


def _consent(options: argparse.Namespace) -> int:
    avatar = avatar_folder.with_textures(options.avatar)
    receipt = consent.given(options.receipt)
    origin = replace(avatar_folder.origin_of(avatar), consent=receipt.reference())
    avatar_folder.save(replace(avatar, facts={**avatar.facts, avatar_folder.ORIGIN: origin.facts()}), options.avatar)
    receipt.save(options.avatar)
    print(f"{options.avatar}: " + ", ".join(f"{name} {value}" for name, value in receipt.facts.items()))
    return 0


def _template(options: argparse.Namespace) -> int:
    with whole_file(options.file) as temporary:
        temporary.write_text(consent.TEMPLATE, encoding="utf-8")
    print(f"{options.file}: fill it in, and give it with --consent.")
    return 0
