"""Many files at once into Parquet files of rows, with counts and rejected rows for each file.

The first pass takes the texts that Arrow reads exactly, which is most of them (see `typed_pass`). The second is strict:
one scan of DuckDB over all other files that are written alike, every value exact or marked. Only a file with a marked
row is read once more, carefully: what fits is kept, digits beyond the 18th decimal are rounded and counted, and each
row that does not fit is listed with its line and its reason.

A scan fails at the first record that does not split into columns, and is done once more with the records of that kind
listed: DuckDB needs so much time and memory for each that their number must be known to be small before.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType

import structlog

from billstream.common.errors import Poison
from billstream.common.lake import Lake
from billstream.common.lake.catalog import literal
from billstream.common.lake.tables import CHARGES, TABLES, table_of
from billstream.consumer.decode.amounts import too_large
from billstream.consumer.decode.contradictions import contradicted
from billstream.consumer.decode.explained import TooLarge, Unexplained, check_data_path, explained, unreadable_sources
from billstream.consumer.decode.facts import facts_of
from billstream.consumer.decode.judging import judged, judging
from billstream.consumer.decode.malformed import LeftOut, alike, listing_of
from billstream.consumer.decode.projection import BAD_MARK
from billstream.consumer.decode.rejects import LISTED_OF_REFUSED, MAX_LISTED, Rejects, locate, refusal
from billstream.consumer.decode.scan import Malformed, Scan, literals, rows_in
from billstream.consumer.decode.staged import Staged, StagedLoad
from billstream.consumer.decode.structural import structural_rejects
from billstream.consumer.decode.tabular import Tabular
from billstream.consumer.decode.time_forms import certain_forms
from billstream.consumer.decode.totals import totals_in
from billstream.consumer.decode.typed import TypedPass
from billstream.consumer.decode.undated import dated
from billstream.consumer.decode.unread import UnreadTags, tags_unread
from billstream.consumer.quality import Quality

_NONE: LeftOut = MappingProxyType({})

log = structlog.get_logger(__name__)


class Staging:
    """Decodes files into the data path of a lake.

    Args:
        lake: has the data path, and the DuckDB that decodes.
        typed: whether the first of the three passes is tried.
        quality: the rules that rows are judged by, and whether a file that breaks one is refused.
    """

    def __init__(self, lake: Lake, *, typed: bool = True, quality: Quality = Quality()) -> None:  # noqa: B008 - frozen
        self._lake = lake
        self.quality = quality
        self.types = lake.columns_of_loads()  # with the DuckDB types, by table
        self._unread = UnreadTags(self.types[CHARGES])
        self.typed = TypedPass(lake, self.types, quality.rules) if typed else None

    def stage(self, files: Sequence[Tabular], name: str) -> Staged:
        """Decode `files` into Parquet files whose names begin with `name`.

        A file that DuckDB cannot read at all, or not in the memory that it has, is found by halving, and is poisoned
        alone.

        Raises:
            Retryable: the data path does not answer.
            Fatal: the data path refuses what is written, or DuckDB fails in a way that no file explains.
        """
        staged = Staged(loads={file.load_id: StagedLoad() for file in files if file.binding is None})
        readable = [file for file in files if file.binding is not None]
        parquet = {f.load_id: Scan([f], self.types[f.table], number=0).reader() for f in readable if f.text.parquet}
        staged.poisoned = unreadable_sources(parquet, self._lake)
        readable = [file for file in readable if file.load_id not in staged.poisoned]
        with self._kept(staged):
            for table in TABLES:  # a staged file has the rows of one table
                of_table = [file for file in readable if file.table == table]
                staged.take(self._typed_pass(of_table, f"{name}-typed"))
                done = staged.loads.keys() | staged.poisoned.keys()
                if left := [file for file in of_table if file.load_id not in done]:
                    staged.take(self._stage_or_halve(left, name))
            with explained(self._lake):
                wrong = contradicted(readable, staged, self._lake) | too_large(staged, self._lake)
            if wrong := wrong | self.quality.refused(staged.loads):  # by their rows, which could all be read
                others = (staged.loads.keys() | staged.poisoned.keys()) - wrong.keys()
                self.keep_only(staged, others, f"{name}-kind")
                staged.poisoned |= wrong
            self._unread.warn(readable, staged)
        return staged

    def keep_only(self, staged: Staged, load_ids: Iterable[str], name: str) -> None:
        """Rewrite the staged files so that only these loads remain. Needed when a commit dropped some of them."""
        kept = sorted(set(load_ids))
        staged.loads = {load_id: staged.loads[load_id] for load_id in kept if load_id in staged.loads}
        staged.poisoned = {load_id: staged.poisoned[load_id] for load_id in kept if load_id in staged.poisoned}
        if not any(load.rows_loaded for load in staged.loads.values()):
            self.discard(staged)
            return
        left = []
        for table in sorted({load.table for load in staged.loads.values() if load.rows_loaded}):
            path = self._lake.staging_path(name, table)
            rows = rows_in(staged.paths_of(table))
            self._write(f"SELECT * FROM {rows} WHERE list_contains({literals(kept)}, load_id)", path)
            left.append(path)
        self.discard(staged)
        staged.paths = left

    def discard(self, staged: Staged) -> None:
        """Remove the staged files."""
        for path in staged.paths:
            self._lake.discard(path)
        staged.paths = []

    # -- the three passes --------------------------------------------------------------------------------

    def _typed_pass(self, files: Sequence[Tabular], name: str) -> Staged:
        """Stage the files that Arrow takes; none where the search for totals fails, as the strict pass explains why."""
        staged = self.typed.stage(files, name) if self.typed else Staged()
        taken = [file for file in files if file.load_id in staged.loads]
        try:
            return self._without_totals(taken, staged, f"{name}-charges") if taken else staged
        except Poison:
            return Staged()

    def _stage_or_halve(
        self, files: Sequence[Tabular], name: str, malformed: Malformed = Malformed.FAIL, left_out: LeftOut = _NONE
    ) -> Staged:
        """Stage files together; where one of them makes that fail, half of them at a time."""
        try:
            return self._both_passes(files, name, malformed, left_out)
        except Poison as poison:
            why = poison
        if malformed is Malformed.FAIL and not isinstance(why, TooLarge) and any(not f.text.parquet for f in files):
            try:
                return self._stage_listing(files, name)
            except Poison as poison:
                why = poison
        # DuckDB names no file in most errors, so the culprit is found by halving.
        if len(files) == 1:
            if isinstance(why, Unexplained):
                check_data_path(self._lake, f"{name}-check")
                log.error("file_unexplained", load_id=files[0].load_id, reason=str(why), exc_info=why.__cause__)
            return Staged(poisoned={files[0].load_id: str(why)})
        middle = len(files) // 2
        staged = self._stage_or_halve(files[:middle], f"{name}a", malformed, left_out)
        staged.take(self._stage_or_halve(files[middle:], f"{name}b", malformed, left_out))
        return staged

    def _stage_listing(self, files: Sequence[Tabular], name: str) -> Staged:
        """Stage files, with a list of the records that do not split into columns.

        Raises:
            Poison: the files cannot even be counted together.
        """
        listing = listing_of(files, self.types[files[0].table], self._lake)
        staged = Staged(poisoned=listing.poisoned)
        for load_id, why in listing.refused.items():
            staged.loads[load_id] = StagedLoad(refused=why).with_rejects(listing.left_out[load_id])
        for number, group in enumerate(listing.groups):
            staged.take(self._stage_or_halve(group, f"{name}-{number}", Malformed.LIST, listing.left_out))
        return staged

    def _both_passes(self, files: Sequence[Tabular], name: str, malformed: Malformed, left_out: LeftOut) -> Staged:
        staged = self._strict_pass(files, name, malformed)
        no_charges = {load_id: load.records_left_out for load_id, load in staged.loads.items()}
        suspects = [file for file in files if BAD_MARK + file.load_id in staged.loads]
        if suspects:
            # The rows of the suspects are dropped here, and staged again by the careful pass.
            self.keep_only(staged, {f.load_id for f in files} - {f.load_id for f in suspects}, f"{name}-clean")
        for load_id, load in staged.loads.items():
            staged.loads[load_id] = load.with_rejects(left_out.get(load_id, Rejects()))
        for file in suspects:
            try:
                staged.take(self._careful_pass(file, f"{name}-{file.load_id}", left_out.get(file.load_id, Rejects())))
            except Poison as poison:
                staged.poisoned[file.load_id] = str(poison)
        for load_id, load in staged.loads.items():
            staged.loads[load_id] = replace(load, records_left_out=no_charges[load_id])
        return self._without_totals(files, staged, f"{name}-charges")

    def _without_totals(self, files: Sequence[Tabular], staged: Staged, name: str) -> Staged:
        """Refuse the files with a record that looks like a sum of others."""
        with self._kept(staged):
            with explained(self._lake):
                refused = totals_in(files, staged, self.types[files[0].table], self._lake)
            if refused:
                poisoned = staged.poisoned | refused
                self.keep_only(staged, staged.loads.keys() - refused.keys(), name)
                staged.poisoned = poisoned
        return staged

    def _strict_pass(self, files: Sequence[Tabular], name: str, malformed: Malformed) -> Staged:
        """Decode all files in one statement. A load with marked rows is listed under its marked load id, too."""
        engine = self._lake.engine
        scans = [
            Scan(
                group,
                self.types[group[0].table],
                number=number,
                forms=certain_forms(group[0].header_binding.profile),
                malformed=malformed,
            )
            for number, group in enumerate(alike(files))
        ]
        path = self._lake.staging_path(name, files[0].table)
        no_charges = dict[str, int]()
        with explained(self._lake):
            for scan in scans:
                no_charges |= scan.records_left_out(engine)
                scan.prepare(engine)
        written = self._write_facts(" UNION ALL BY NAME ".join(scan.marked_rows() for scan in scans), path, scans)
        staged = Staged([path], {file.load_id: StagedLoad() for file in files} | written)
        with self._kept(staged), explained(self._lake):
            for scan in scans:
                for load_id, rejects in structural_rejects(scan, engine, MAX_LISTED).items():
                    staged.loads[load_id] = staged.loads[load_id].with_rejects(rejects)
        for load_id, count in no_charges.items():
            load = staged.loads[load_id]
            staged.loads[load_id] = replace(load, records_left_out=load.records_left_out + count)
        return self._without_empty_file(staged)

    def _careful_pass(self, file: Tabular, name: str, left_out: Rejects) -> Staged:
        """Decode one file with suspicious rows: round, and list every row that does not fit.

        Raises:
            Poison: the file is of another kind than its profile is for, or its dates are ambiguous.
        """
        engine = self._lake.engine
        scan = Scan([file], self.types[file.table], number=0, exact=False)
        with explained(self._lake):
            scan.prepare(engine)
            if why := scan.wrong_kind(engine):
                raise Poison(why)
            scan = replace(scan, forms=scan.time_forms(engine))
            scan = dated(scan, engine)
            scan.prepare(engine)  # the questions above have read the file, and left rejects
        path = self._lake.staging_path(name, file.table)
        load = self._write_facts(scan.good_rows(), path, [scan]).get(file.load_id, StagedLoad())
        staged = Staged([path], {file.load_id: load})
        with self._kept(staged), explained(self._lake):
            structural = structural_rejects(scan, engine, MAX_LISTED).get(file.load_id, Rejects())
            bad, rounded = scan.value_counts(engine)
            refused = refusal(left_out.total + structural.total + bad, load.rows_loaded)
            values = scan.value_rejects(engine, LISTED_OF_REFUSED if refused else MAX_LISTED) if bad else ()
            rejects = (left_out, structural, Rejects(bad, locate(file, values)))
        if refused:
            self.discard(staged)
            load = StagedLoad(refused=refused)
        else:
            load = replace(load, values_rounded=rounded)
        for some in rejects:
            load = load.with_rejects(some)
        return self._without_empty_file(Staged(staged.paths, {file.load_id: load}))

    def _without_empty_file(self, staged: Staged) -> Staged:
        if not any(load.rows_loaded for load in staged.loads.values()):
            self.discard(staged)
        return staged

    # -- DuckDB ------------------------------------------------------------------------------------------

    def _write(self, select: str, path: str) -> None:
        """Write rows to a staged file, which exists as a whole or not at all."""
        try:
            with explained(self._lake):
                self._lake.engine.execute(f"COPY ({select}) TO {literal(path)} (FORMAT parquet)")
        except BaseException:
            self._lake.discard(path)
            raise

    def _write_facts(self, select: str, path: str, scans: Sequence[Scan]) -> dict[str, StagedLoad]:
        """Write rows of these scans to a staged file, which exists as a whole or not at all.

        Returns:
            Counts, totals and days of each load in it; of marked rows, counts alone.
        """
        self._write(select, path)
        try:
            with explained(self._lake):
                types = self.types[table_of(path)]
                fed = [name for name in types if any(name in scan.columns for scan in scans)]
                rules = judging(self.quality.rules, scans)
                loads = facts_of(path, table_of(path), fed, types, self._lake.engine, tags_unread(scans), rules=rules)
                return judged(loads, rules, scans)
        except BaseException:
            self._lake.discard(path)
            raise

    @contextmanager
    def _kept(self, staged: Staged) -> Iterator[None]:
        """Discard what is staged if the context fails."""
        try:
            yield
        except BaseException:
            self.discard(staged)
            raise
