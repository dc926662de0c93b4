"""Writes fonts.txt: split, licence, Debian package, path.  The order is part of what a seed means: new faces go to the end.

  list_fonts.py              on a machine that has the packages
  list_fonts.py --packages   prints the packages, for apt-get install --no-install-recommends"""
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
    "fonts-ocr-a": "MIT-style", "fonts-ocr-b": "freely usable", "fonts-agave": "MIT",
    "fonts-mononoki": "OFL-1.1",
    "fonts-texgyre": "GUST font licence (LPPL)", "fonts-lmodern": "GUST font licence (LPPL)", "fonts-inter": "OFL-1.1",
    "fonts-go": "BSD-3", "fonts-cabin": "OFL-1.1", "fonts-karla": "OFL-1.1", "fonts-quicksand": "OFL-1.1", "fonts-dosis": "OFL-1.1",
    "fonts-jura": "OFL-1.1 or GPL-3", "fonts-junction": "OFL-1.1", "fonts-play": "OFL-1.1", "fonts-oxygen": "OFL-1.1 or GPL-3 with font exception",
    "fonts-vollkorn": "OFL-1.1", "fonts-yanone-kaffeesatz": "OFL-1.1", "fonts-sil-charis": "OFL-1.1", "fonts-sil-gentium": "OFL-1.1",
    "fonts-sil-andika": "OFL-1.1", "fonts-adf-gillius": "GPL-2 or later with font exception",
    "fonts-adf-universalis": "GPL-2 or later with font exception", "fonts-adf-baskervald": "GPL-2 or later with font exception",
    "fonts-clear-sans": "Apache-2.0", "fonts-paratype": "ParaType free font licence", "fonts-tuffy": "public domain",
    "fonts-anonymous-pro": "OFL-1.1", "fonts-fantasque-sans": "OFL-1.1", "fonts-3270": "BSD-3 or OFL-1.1", "fonts-monoid": "MIT or OFL-1.1",
    "fonts-manrope": "OFL-1.1", "fonts-sora": "OFL-1.1", "fonts-league-mono": "OFL-1.1",
    "fonts-averia-sans-gwf": "OFL-1.1", "fonts-stix": "OFL-1.1",
}
TRAIN = [  # ordinary upright faces
    ("fonts-dejavu-core", "truetype/dejavu/DejaVuSans.ttf DejaVuSans-Bold.ttf DejaVuSansMono.ttf DejaVuSansMono-Bold.ttf DejaVuSerif.ttf DejaVuSerif-Bold.ttf"),
    ("fonts-liberation2", "truetype/liberation2/LiberationSans-Regular.ttf LiberationSans-Bold.ttf LiberationSerif-Regular.ttf LiberationSerif-Bold.ttf LiberationMono-Regular.ttf LiberationMono-Bold.ttf"),
    ("fonts-noto-core", "truetype/noto/NotoSans-Regular.ttf NotoSans-Bold.ttf NotoSerif-Regular.ttf NotoSansMono-Regular.ttf"),
    ("fonts-lato", "truetype/lato/Lato-Regular.ttf Lato-Bold.ttf"),
    ("fonts-freefont-ttf", "truetype/freefont/FreeSans.ttf FreeSerif.ttf"),
    ("fonts-crosextra-carlito", "truetype/crosextra/Carlito-Regular.ttf Carlito-Bold.ttf"),
    ("fonts-hack", "truetype/hack/Hack-Regular.ttf"),
    ("fonts-firacode", "truetype/firacode/FiraCode-Regular.ttf"),
]
MORE = [  # the rest of the training faces: slanted, bold, condensed, light, typewriters, book faces
    ("fonts-dejavu-extra", "truetype/dejavu/DejaVuSans-Oblique.ttf DejaVuSansCondensed.ttf DejaVuSansCondensed-Bold.ttf DejaVuSerifCondensed.ttf DejaVuSerif-Italic.ttf"),
    ("fonts-liberation2", "truetype/liberation2/LiberationSans-Italic.ttf LiberationSans-BoldItalic.ttf LiberationSerif-Italic.ttf LiberationMono-Italic.ttf"),
    ("fonts-freefont-ttf", "truetype/freefont/FreeMono.ttf FreeMonoBold.ttf FreeSansBold.ttf FreeSerifItalic.ttf"),
    ("fonts-lato", "truetype/lato/Lato-Italic.ttf Lato-Black.ttf Lato-Light.ttf Lato-Medium.ttf Lato-Heavy.ttf"),
    ("fonts-noto-core", "truetype/noto/NotoSans-Italic.ttf NotoSerif-Bold.ttf NotoSerif-Italic.ttf NotoSansDisplay-Regular.ttf NotoSansDisplay-Bold.ttf NotoSerifDisplay-Regular.ttf NotoSansMono-Bold.ttf"),
    ("fonts-noto-mono", "truetype/noto/NotoMono-Regular.ttf"),
    ("fonts-urw-base35", "opentype/urw-base35/C059-Roman.otf C059-Bold.otf C059-Italic.otf NimbusMonoPS-Regular.otf NimbusMonoPS-Bold.otf NimbusRoman-Regular.otf NimbusRoman-Bold.otf NimbusSans-Regular.otf NimbusSansNarrow-Regular.otf NimbusSansNarrow-Bold.otf P052-Roman.otf P052-Bold.otf P052-Italic.otf URWGothic-Book.otf URWGothic-Demi.otf"),
    ("fonts-texgyre", "../texmf/fonts/opentype/public/tex-gyre/texgyreheros-italic.otf texgyreheroscn-regular.otf texgyretermes-regular.otf texgyrecursor-regular.otf texgyrecursor-bold.otf texgyrepagella-regular.otf texgyreschola-regular.otf texgyreadventor-regular.otf"),
    ("fonts-lmodern", "../texmf/fonts/opentype/public/lm/lmmono10-regular.otf lmroman10-regular.otf lmroman10-bold.otf lmsans10-regular.otf lmsansdemicond10-regular.otf"),
    ("fonts-croscore", "truetype/croscore/Arimo-Bold.ttf Tinos-Bold.ttf Cousine-Regular.ttf Cousine-Bold.ttf"),
    ("fonts-crosextra-carlito", "truetype/crosextra/Carlito-Italic.ttf"),
    ("fonts-ebgaramond", "opentype/ebgaramond/EBGaramond12-Regular.otf EBGaramond12-Bold.otf EBGaramond12-Italic.otf"),
    ("fonts-inconsolata", "truetype/inconsolata/Inconsolata.otf"),
    ("fonts-hack", "truetype/hack/Hack-Bold.ttf"),
    ("fonts-firacode", "truetype/firacode/FiraCode-Bold.ttf"),
    ("fonts-ocr-a", "truetype/ocr-a/OCRA.ttf"),
    ("fonts-ocr-b", "opentype/ocr-b/OCRB.otf"),
    ("fonts-inter", "opentype/inter/Inter-Regular.otf Inter-Bold.otf Inter-Light.otf InterDisplay-SemiBold.otf"),
    ("fonts-go", "fonts-go/Go-Regular.ttf Go-Bold.ttf Go-Mono.ttf"),
    ("fonts-cabin", "opentype/cabin/Cabin-Regular.otf Cabin-Bold.otf"),
    ("fonts-karla", "truetype/karla/Karla-Regular.otf Karla-Bold.otf"),
    ("fonts-quicksand", "truetype/quicksand/Quicksand-Regular.ttf Quicksand-Bold.ttf"),
    ("fonts-dosis", "opentype/dosis/Dosis-Medium.otf"),
    ("fonts-jura", "opentype/jura/Jura-Medium.otf"),
    ("fonts-junction", "opentype/junction/Junction.otf"),
    ("fonts-play", "truetype/play/Play-Regular.ttf Play-Bold.ttf"),
    ("fonts-oxygen", "truetype/oxygen/Oxygen-Sans.ttf OxygenMono-Regular.ttf"),
    ("fonts-vollkorn", "truetype/vollkorn/Vollkorn-Regular.ttf Vollkorn-Bold.ttf"),
    ("fonts-yanone-kaffeesatz", "opentype/yanone-kaffeesatz/YanoneKaffeesatz-Regular.otf YanoneKaffeesatz-Bold.otf"),
    ("fonts-sil-charis", "truetype/charis/CharisSIL-Regular.ttf CharisSIL-Bold.ttf"),
    ("fonts-sil-gentium", "truetype/gentium/Gentium-R.ttf"),
    ("fonts-sil-andika", "truetype/andika/Andika-Regular.ttf Andika-Bold.ttf"),
    ("fonts-adf-gillius", "truetype/adf/GilliusADF-Regular.otf GilliusADF-Bold.otf GilliusADF-Cond.otf"),
    ("fonts-adf-universalis", "truetype/adf/UniversalisADFStd-Regular.otf UniversalisADFStd-BoldCond.otf"),
    ("fonts-adf-baskervald", "truetype/adf/BaskervaldADFStd.otf"),
    ("fonts-clear-sans", "truetype/clear-sans/ClearSans-Regular.ttf ClearSans-Bold.ttf"),
    ("fonts-paratype", "truetype/paratype/PTS55F.ttf PTS75F.ttf PTF55F.ttf PTM55F.ttf PTN57F.ttf"),
    ("fonts-tuffy", "truetype/tuffy/Tuffy.ttf"),
    ("fonts-anonymous-pro", "truetype/anonymous-pro/Anonymous Pro.ttf|Anonymous Pro B.ttf"),
    ("fonts-fantasque-sans", "truetype/fantasque-sans/Normal/TTF/FantasqueSansMono-Regular.ttf"),
    ("fonts-3270", "truetype/3270/3270-Regular.ttf 3270Condensed-Regular.ttf"),
    ("fonts-monoid", "truetype/monoid/Monoid-Regular.ttf"),
    ("fonts-manrope", "truetype/manrope/Manrope-Regular.ttf Manrope-Bold.ttf"),
    ("fonts-sora", "opentype/sora/Sora-Regular.otf"),
    ("fonts-league-mono", "opentype/league-mono/LeagueMono-Regular.otf LeagueMono-NarrowRegular.otf LeagueMono-CondensedBold.otf"),
    ("fonts-averia-sans-gwf", "truetype/averia-gwf/AveriaSansGWF-Regular.ttf"),
    ("fonts-stix", "opentype/stix-word/STIX-Regular.otf STIX-Bold.otf"),
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
if "--packages" in sys.argv:
    print(*sorted({package for package, _ in TRAIN + MORE + HELD}))
    sys.exit()
with open(os.path.join(os.path.dirname(__file__), "fonts.txt"), "w") as f:
    f.write("# split\tlicence\tDebian package\tpath\n")
    seen = set()
    for split, groups in (("train", TRAIN + MORE), ("held-out", HELD)):
        n = 0
        for package, names in groups:
            names = names.split("|") if "|" in names else names.split()
            folder = D + os.path.dirname(names[0]) + "/"
            for name in [os.path.basename(names[0])] + names[1:]:
                paths = sorted(glob.glob(folder + name))
                if not paths:
                    sys.exit("missing: " + folder + name)
                for path in sorted(set(paths) - seen):
                    seen.add(path)
                    f.write("\t".join((split, LICENCE[package], package, os.path.normpath(path))) + "\n")
                    n += 1
        print(split, n, "faces")
