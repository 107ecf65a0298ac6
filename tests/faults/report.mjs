// What every fault program ends with: its checks by name, `N passed, N failed[, N skipped]`, and an exit status.

export const FULL = process.argv.includes('--full');

export class Report {
  passed = 0;
  failed = 0;
  skipped = 0;

  check(what, holds, detail = '') {
    if (holds) this.passed += 1;
    else this.failed += 1;
    console.log(`  ${holds ? 'ok    ' : 'FAILED'} ${what}${detail === '' ? '' : `: ${detail}`}`);
  }

  note(text) { console.log(`  ${text}`); }

  /** What cannot be shown on this machine; where CI=true that is a failure. */
  skip(why) {
    if (process.env.CI === 'true') return this.check(why, false);
    this.skipped += 1;
    console.log(`  skipped ${why}`);
  }
}

/** Runs `body(report)`; an exception is a failure like any other. */
export async function run(body) {
  const report = new Report();
  try {
    await body(report);
  } catch (error) {
    report.check('ran to its end', false, error.stack);
  }
  console.log(`${report.passed} passed, ${report.failed} failed${report.skipped > 0 ? `, ${report.skipped} skipped` : ''}`);
  process.exit(report.failed === 0 ? 0 : 1);
}
