/** Domov's mark: a house with a fire in it. */
export function Mark({ size = 22 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" aria-hidden="true">
      <path
        d="M3.5 11.2 12 4l8.500 7.200V19a1.500 1.500 0 0 1-1.500 1.500H5A1.500 1.500 0 0 1 3.500 19z"
        stroke="currentColor"
        strokeWidth="1.8"
        strokeLinejoin="round"
      />
      <path
        d="M12 10.200c2.200 2 3.200 3.400 3.200 5.100a3.200 3.200 0 0 1-6.400 0c0-1.700 1-3.100 3.200-5.100z"
        className="fill-accent"
      />
    </svg>
  );
}
