// Solves the challenges that the service asks for before what is worth abusing (proof of work, after ALTCHA).

// So many hashes are computed at once: waiting for each of them takes longer than the hash.
const AT_ONCE = 512;

const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');

// The proof: the number which, appended to the salt, has the hash of the challenge.
async function solve({ algorithm, challenge, maxnumber, salt, signature }) {
  const encoder = new TextEncoder();
  const hash = async (number) => hex(await crypto.subtle.digest(algorithm, encoder.encode(`${salt}${number}`)));
  for (let first = 0; first <= maxnumber; first += AT_ONCE) {
    const length = Math.min(AT_ONCE, maxnumber - first + 1);
    const hashes = await Promise.all(Array.from({ length }, (_, at) => hash(first + at)));
    const found = hashes.indexOf(challenge);
    if (found >= 0) return btoa(JSON.stringify({ algorithm, challenge, number: first + found, salt, signature }));
  }
  throw new Error('No number solves the challenge of the service.');
}

// What a request is sent again with, if it was refused for want of a proof; null if it was not.
export async function withProof(problem, body) {
  if (problem.code !== 'proof_of_work_required' || body.proof_of_work) return null;
  return { ...body, proof_of_work: await solve(problem.details.proof_of_work) };
}
