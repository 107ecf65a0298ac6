// What the operating system says about a process.
import { readFileSync } from 'node:fs';

function status(pid, field) {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n').find((each) => each.startsWith(`${field}:`));
  return Number.parseInt(line.slice(field.length + 1), 10);
}

/** Resident memory in bytes. */
export const residentBytes = (pid) => status(pid, 'VmRSS') * 1024;
export const threadCount = (pid) => status(pid, 'Threads');

/** The highest resident memory seen while `work` ran. */
export async function peakDuring(pid, work) {
  let peak = residentBytes(pid);
  const timer = setInterval(() => { peak = Math.max(peak, residentBytes(pid)); }, 50);
  try {
    return { result: await work(), peak };
  } finally {
    clearInterval(timer);
  }
}

export const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
export const kib = (bytes) => `${(bytes / 1024).toFixed(2)} KiB`;
