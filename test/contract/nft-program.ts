import { execFileSync } from 'node:child_process';

/** nft(8), as an operator would use it. */
export function nft(command: string): void {
  execFileSync('nft', [command], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** The whole ruleset as text. */
export const nftRuleset = (): string => execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8' });
