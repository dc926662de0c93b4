"""Writes fonts.txt: split, licence, Debian package, path.  Run on a machine with the packages of docs/POCKET.md."""
import glob, os, sys
D = "/usr/share/fonts/"
LICENCE = {  # Debian copyright files, in short
    "fonts-dejavu-core": "Bitstream Vera", "fonts-dejavu-extra": "Bitstream Vera", "fonts-liberation2": "OFL-1.1",
    "fonts-freefont-ttf": "GPL-3 with font exception", "fonts-open-sans": "Apache-2.0", "fonts-roboto-unhinted": "Apache-2.0",
    "fonts-roboto-slab": "Apache-2.0", "fonts-lato": "OFL-1.1", "fonts-noto-core": "OFL-1.1", "fonts-noto-mono": "OFL-1.1",
    "fonts-urw-base35": "AGPL-3 with font exception", "fonts-croscore": "Apache-2.0", "fonts-crosextra-carlito": "OFL-1.1",
    "fonts-crosextra-caladea": "Apache-2.0", "fonts-ebgaramond": "OFL-1.1", "fonts-linuxlibertine": "OFL-1.1 or GPL-2 with font exception",
    "fonts-comic-neue": "OFL-1.1", "fonts-inconsolata": "OFL-1.1", "fonts-hack": "MIT and Bitstream Vera", "fonts-firacode": "OFL-1.1",
    "fonts-jetbrains-mono": "OFL-1.1", "fonts-courier-prime": "OFL-1.1", "fonts-cantarell": "OFL-1.1",
    "fonts-ubuntu-title": "LGPL-2.1 or later", "fonts-ocr-a": "MIT-style", "fonts-ocr-b": "freely usable", "fonts-agave": "MIT",
    "fonts-mononoki": "OFL-1.1",
}
TRAIN = [  # ordinary upright faces; the first, smallest model reads these
    ("fonts-dejavu-core", "truetype/dejavu/DejaVuSans.ttf DejaVuSans-Bold.ttf DejaVuSansMono.ttf DejaVuSansMono-Bold.ttf DejaVuSerif.ttf DejaVuSerif-Bold.ttf"),
    ("fonts-liberation2", "truetype/liberation2/LiberationSans-Regular.ttf LiberationSans-Bold.ttf LiberationSerif-Regular.ttf LiberationSerif-Bold.ttf LiberationMono-Regular.ttf LiberationMono-Bold.ttf"),
    ("fonts-noto-core", "truetype/noto/NotoSans-Regular.ttf NotoSans-Bold.ttf NotoSerif-Regular.ttf NotoSansMono-Regular.ttf"),
    ("fonts-lato", "truetype/lato/Lato-Regular.ttf Lato-Bold.ttf"),
    ("fonts-freefont-ttf", "truetype/freefont/FreeSans.ttf FreeSerif.ttf"),
    ("fonts-crosextra-carlito", "truetype/crosextra/Carlito-Regular.ttf Carlito-Bold.ttf"),
    ("fonts-hack", "truetype/hack/Hack-Regular.ttf"),
    ("fonts-firacode", "truetype/firacode/FiraCode-Regular.ttf"),
]
LATER = [
    ("fonts-dejavu-extra", "truetype/dejavu/DejaVuSans-Oblique.ttf DejaVuSansCondensed.ttf DejaVuSansCondensed-Bold.ttf DejaVuSerifCondensed.ttf DejaVuSerif-Italic.ttf"),
    ("fonts-liberation2", "truetype/liberation2/*.ttf"),
    ("fonts-freefont-ttf", "truetype/freefont/*.ttf"),
    ("fonts-lato", "truetype/lato/Lato-Regular.ttf Lato-Bold.ttf Lato-Italic.ttf Lato-Black.ttf Lato-Light.ttf Lato-Medium.ttf Lato-Heavy.ttf"),
    ("fonts-noto-core", "truetype/noto/NotoSans-*.ttf NotoSerif-*.ttf NotoSansDisplay-*.ttf NotoSerifDisplay-*.ttf NotoSansMono-*.ttf"),
    ("fonts-noto-mono", "truetype/noto/NotoMono-Regular.ttf"),
    ("fonts-urw-base35", "opentype/urw-base35/C059-*.otf Nimbus*.otf P052-*.otf URWGothic-*.otf"),
    ("fonts-croscore", "truetype/croscore/*.ttf"),
    ("fonts-crosextra-carlito", "truetype/crosextra/Carlito-*.ttf"),
    ("fonts-ebgaramond", "opentype/ebgaramond/EBGaramond12-Regular.otf EBGaramond12-Bold.otf EBGaramond12-Italic.otf"),
    ("fonts-inconsolata", "truetype/inconsolata/Inconsolata.otf"),
    ("fonts-hack", "truetype/hack/*.ttf"),
    ("fonts-firacode", "truetype/firacode/FiraCode-Bold.ttf FiraCode-Regular.ttf FiraCode-Medium.ttf"),
    ("fonts-ubuntu-title", "truetype/ubuntu-title/*.ttf"),
    ("fonts-ocr-a", "truetype/ocr-a/OCRA.ttf OCRABold.ttf"),
    ("fonts-ocr-b", "opentype/ocr-b/OCRB.otf"),
]
HELD = [
    ("fonts-open-sans", "truetype/open-sans/OpenSans-Regular.ttf OpenSans-Bold.ttf OpenSans-Italic.ttf OpenSans-Semibold.ttf"),
    ("fonts-roboto-unhinted", "truetype/roboto/unhinted/RobotoTTF/Roboto-Regular.ttf Roboto-Bold.ttf Roboto-Italic.ttf Roboto-Medium.ttf"),
    ("fonts-roboto-slab", "opentype/roboto/slab/RobotoSlab-Regular.otf RobotoSlab-Bold.otf"),
    ("fonts-crosextra-caladea", "truetype/crosextra/Caladea-*.ttf"),
    ("fonts-jetbrains-mono", "truetype/jetbrains-mono/JetBrainsMono-Regular.ttf JetBrainsMono-Bold.ttf"),
    ("fonts-courier-prime", "opentype/courier-prime/Courier Prime.otf|Courier Prime Bold.otf|Courier Prime Sans.otf"),
    ("fonts-cantarell", "opentype/cantarell/Cantarell-Regular.otf Cantarell-Bold.otf"),
    ("fonts-linuxlibertine", "opentype/linux-libertine/LinLibertine_R.otf LinLibertine_RB.otf LinBiolinum_R.otf LinBiolinum_RB.otf"),
    ("fonts-urw-base35", "opentype/urw-base35/URWBookman-*.otf"),
    ("fonts-mononoki", "truetype/mononoki/mononoki-Regular.ttf mononoki-Bold.ttf"),
    ("fonts-agave", "truetype/agave/agave-r-autohinted.ttf"),
    ("fonts-comic-neue", "opentype/comic-neue/ComicNeue-Regular.otf ComicNeue-Bold.otf"),
]
with open(os.path.join(os.path.dirname(__file__), "fonts.txt"), "w") as f:
    f.write("# split\tlicence\tDebian package\tpath\n")
    seen = set()
    for split, groups in (("train", TRAIN), ("held-out", HELD), ("later", LATER)):
        n = 0
        for package, names in groups:
            folder = D + names[: names.rindex("/", 0, names.index(".") if "*" not in names else len(names)) + 1]
            names = names[len(folder) - len(D):]
            for name in names.split("|") if "|" in names else names.split():
                paths = sorted(glob.glob(folder + name))
                if not paths:
                    sys.exit("missing: " + folder + name)
                for path in sorted(set(paths) - seen):
                    seen.add(path)
                    f.write("\t".join((split, LICENCE[package], package, path)) + "\n")
                    n += 1
        print(split, n, "faces")
