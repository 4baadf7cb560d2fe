import Markdown from "react-markdown";
import remarkGfm from "remark-gfm";

const PROSE = [
  "flex flex-col gap-3 leading-[22px]",
  "[&_h2]:mt-2 [&_h2]:font-semibold [&_h2]:text-lg [&_h3]:mt-2 [&_h3]:font-semibold [&_h4]:font-semibold",
  "[&_ul]:list-disc [&_ul]:pl-5 [&_ol]:list-decimal [&_ol]:pl-5 [&_li]:my-1",
  "[&_a]:text-accent-strong [&_a]:underline",
  "[&_:not(pre)>code]:rounded-sm [&_:not(pre)>code]:bg-sunken [&_:not(pre)>code]:px-1",
  "[&_pre]:overflow-x-auto [&_pre]:rounded-md [&_pre]:bg-sunken [&_pre]:p-3",
  "[&_blockquote]:border-line-strong [&_blockquote]:border-l-2 [&_blockquote]:pl-3 [&_blockquote]:text-muted",
  "[&_table]:w-full [&_th]:border-line [&_th]:border-b [&_th]:py-1.5 [&_th]:pr-4 [&_th]:text-left [&_th]:font-medium",
  "[&_td]:border-line [&_td]:border-b [&_td]:py-1.5 [&_td]:pr-4 [&_td]:align-top",
].join(" ");

/** A text of a template's author. HTML in it is text, and links open without telling where they were found. */
export function Guide({ text }: { text: string }) {
  return (
    <div className={PROSE} dir="auto">
      <Markdown
        remarkPlugins={[remarkGfm]}
        skipHtml
        // The page already has a title of the first rank.
        components={{
          h1: ({ children }) => <h2>{children}</h2>,
          h2: ({ children }) => <h3>{children}</h3>,
          h3: ({ children }) => <h4>{children}</h4>,
          // Pictures would be asked for at other places, which the policy of the page refuses.
          img: ({ alt }) => <em>{alt}</em>,
          a: ({ href, children }) => (
            <a href={href} target="_blank" rel="noopener noreferrer">
              {children}
            </a>
          ),
          table: ({ children }) => (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table is scrolled with the keyboard
            <section className="overflow-x-auto" tabIndex={0} aria-label="Table">
              <table>{children}</table>
            </section>
          ),
        }}
      >
        {text}
      </Markdown>
    </div>
  );
}
